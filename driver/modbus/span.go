package modbus

import (
	"encoding/binary"
	"fmt"

	"github.com/grid-x/modbus"
)

// span is some adjacent addresses of a table.
type span struct {
	table table
	first int
	count int
}

// end is the address behind the last.
func (s span) end() int { return s.first + s.count }

// covers tells whether all addresses of part are the span's.
func (s span) covers(part span) bool {
	return part.table == s.table && part.first >= s.first && part.end() <= s.end()
}

// cover returns the least span that covers both, which are of one table.
func (s span) cover(other span) span {
	first := min(s.first, other.first)
	return span{s.table, first, max(s.end(), other.end()) - first}
}

// String names the addresses: "holding registers 10-12".
func (s span) String() string {
	if s.count == 1 {
		return fmt.Sprintf("%s %d", tables[s.table].one, s.first)
	}
	return fmt.Sprintf("%ss %d-%d", tables[s.table].one, s.first, s.end()-1)
}

// read reads the span in one request.
func (s span) read(client modbus.Client) ([]byte, error) {
	first, count := uint16(s.first), uint16(s.count)
	switch s.table {
	case coils:
		return client.ReadCoils(first, count)
	case discreteInputs:
		return client.ReadDiscreteInputs(first, count)
	case inputRegisters:
		return client.ReadInputRegisters(first, count)
	}
	return client.ReadHoldingRegisters(first, count)
}

// writeAll writes the span in one request.
func (s span) writeAll(client modbus.Client, data []byte) error {
	write := client.WriteMultipleRegisters
	if s.table.bits() {
		write = client.WriteMultipleCoils
	}
	_, err := write(uint16(s.first), uint16(s.count), data)
	return err
}

// writeEach writes the span in one request for each of its addresses.
func (s span) writeEach(client modbus.Client, data []byte) error {
	for i := range s.count {
		one := span{s.table, s.first + i, 1}
		if err := one.writeOne(client, s.extract(data, one)); err != nil {
			return err
		}
	}
	return nil
}

// writeOne writes a span of one address.
func (s span) writeOne(client modbus.Client, data []byte) error {
	const on = 0xFF00 // section 6.5
	write, value := client.WriteSingleRegister, uint16(0)
	if s.table.bits() {
		write, value = client.WriteSingleCoil, on*uint16(data[0])
	} else {
		value = binary.BigEndian.Uint16(data)
	}
	_, err := write(uint16(s.first), value)
	return err
}

// extract takes a part of the span out of the span's bytes. Bits are packed anew,
// so that the part's first is the lowest of its first byte, and bits behind its
// last are 0.
func (s span) extract(data []byte, part span) []byte {
	from := part.first - s.first
	if !s.table.bits() {
		return data[2*from : 2*(from+part.count)]
	}
	packed := make([]byte, (part.count+7)/8)
	for i := range part.count {
		at := from + i
		bit := data[at/8] >> (at % 8) & 1
		packed[i/8] |= bit << (i % 8)
	}
	return packed
}
