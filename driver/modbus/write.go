package modbus

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/grid-x/modbus"

	"datastub/driver"
)

// Write writes all registers or bits of the point in one request.
func (d *device) Write(ctx context.Context, p driver.Point, value any) error {
	if err := d.write(ctx, d.own(p), value); err != nil {
		return fmt.Errorf("write %v: %w", p, unreachableIf(err))
	}
	return nil
}

func (d *device) write(ctx context.Context, p *point, value any) error {
	if p.readOnly {
		return driver.ErrReadOnly
	}
	data, err := p.encode(value)
	if err != nil {
		return err
	}
	_, _, err = d.unit.do(ctx, urgent, func(client modbus.Client) ([]byte, error) {
		return send(client, p.span, data)
	})
	return err
}

// send writes a span by the request that is the least a device must know.
func send(client modbus.Client, s span, data []byte) ([]byte, error) {
	const on = 0xFF00 // section 6.5
	first, count := uint16(s.first), uint16(s.count)
	switch {
	case s.table.bits() && s.count == 1:
		return client.WriteSingleCoil(first, uint16(data[0])*on)
	case s.table.bits():
		return client.WriteMultipleCoils(first, count, data)
	case s.count == 1:
		return client.WriteSingleRegister(first, binary.BigEndian.Uint16(data))
	}
	return client.WriteMultipleRegisters(first, count, data)
}
