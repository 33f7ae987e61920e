package modbus

import (
	"bytes"
	"context"
	"fmt"

	"github.com/grid-x/modbus"

	"datastub/driver"
)

// Write writes all registers or bits of the point in one turn of the line, and
// reads them back in it if the point says so.
func (d *device) Write(ctx context.Context, p driver.Point, value any) error {
	if err := d.write(ctx, d.own(p), value); err != nil {
		return fmt.Errorf("write %v: %w", p, err)
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
	held, _, err := d.unit.do(ctx, urgent, func(client modbus.Client) ([]byte, error) {
		if err := d.dialect.write(client, p, data); err != nil || !p.verify {
			return data, err
		}
		return p.read(client)
	})
	if err != nil {
		return err
	}
	return p.compare(data, held)
}

// compare returns an error if the device does not hold what was written. What
// else is in a register beside the point's bit is nobody's business here.
func (p *point) compare(written, held []byte) error {
	held = p.extract(held, p.span)
	if bytes.Equal(p.part(held), p.part(written)) {
		return nil
	}
	return fmt.Errorf("wanted %s, read back %s", p.text(written), p.text(held))
}

// part returns what of the bytes is the point's.
func (p *point) part(data []byte) []byte {
	if p.format.encoding.mask == 0 {
		return data
	}
	return masked(data, p.mask())
}

// text writes the point's bytes as a value.
func (p *point) text(data []byte) string {
	value, _, err := p.format.decode(data)
	if err != nil {
		return fmt.Sprintf("% X, of which %v", data, err)
	}
	return fmt.Sprint(value)
}
