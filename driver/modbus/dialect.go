package modbus

import (
	"encoding/binary"
	"errors"

	"github.com/grid-x/modbus"
)

// A dialect is what a device makes of the functions that write, as far as it
// was found out: many devices know only one of two that do the same. The zero
// value knows nothing. It belongs to who has the turn of the line.
type dialect struct {
	unknown map[byte]bool // functions that another one does the work of
}

// A way is one of two to write something.
type way struct {
	function byte // that it stands or falls with
	do       func() error
}

// readModifyWrite stands for no function of its own.
const readModifyWrite = 0

// write writes a point's bytes.
func (d *dialect) write(client modbus.Client, p *point, data []byte) error {
	if p.format.encoding.mask == 0 {
		return d.writeSpan(client, p.span, data)
	}
	mask := p.mask()
	return d.either(
		way{modbus.FuncCodeMaskWriteRegister, func() error {
			_, err := client.MaskWriteRegister(uint16(p.first), ^mask, binary.BigEndian.Uint16(data))
			return err
		}},
		way{readModifyWrite, func() error {
			old, err := p.read(client)
			if err != nil {
				return err
			}
			others := masked(old, ^mask)
			return d.writeSpan(client, p.span, []byte{others[0] | data[0], others[1] | data[1]})
		}},
	)
}

// writeSpan writes a span by the function that is the least a device must know.
// The other one may part what belongs together, and is better than nothing.
func (d *dialect) writeSpan(client modbus.Client, s span, data []byte) error {
	all := way{modbus.FuncCodeWriteMultipleRegisters, func() error { return s.writeAll(client, data) }}
	each := way{modbus.FuncCodeWriteSingleRegister, func() error { return s.writeEach(client, data) }}
	if s.table.bits() {
		all.function, each.function = modbus.FuncCodeWriteMultipleCoils, modbus.FuncCodeWriteSingleCoil
	}
	if s.count == 1 {
		return d.either(each, all)
	}
	return d.either(all, each)
}

// either goes the better of two ways, or the other if the device does not know
// the first, and remembers which it was.
func (d *dialect) either(better, other way) error {
	if d.unknown[better.function] {
		better, other = other, better
	}
	refused := better.do()
	if !isUnknownFunction(refused) {
		return refused
	}
	switch err := other.do(); {
	case isUnknownFunction(err):
		return refused
	case err != nil:
		return err
	}
	if d.unknown == nil {
		d.unknown = map[byte]bool{}
	}
	d.unknown[better.function], d.unknown[other.function] = true, false
	return nil
}

func isUnknownFunction(err error) bool {
	refused, ok := errors.AsType[*modbus.Error](err)
	return ok && refused.ExceptionCode == modbus.ExceptionCodeIllegalFunction
}

// masked returns a register's bits that are in mask.
func masked(register []byte, mask uint16) []byte {
	return binary.BigEndian.AppendUint16(nil, binary.BigEndian.Uint16(register)&mask)
}
