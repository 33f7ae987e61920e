package modbus

import (
	"fmt"

	"datastub/driver"
)

// bounds are what one request may read of a device, within the limits of the
// specification.
type bounds struct {
	gap       int // registers that nobody asked for, in a row
	registers int
	bits      int
}

// defaultGap is where reading along costs as much as another request. On a
// serial line of 9600 baud a register takes 2.3 ms; a request more takes 20
// characters (8 of the request, 5 around the answer's data, twice 3.5 of
// silence), which are 23 ms, and what the device needs to answer, 10 ms or more.
// That is 14 registers and up. Over TCP even 125 are cheap, measured against
// pymodbus on loopback 71 µs after 53 µs for one; but what answers there may be a
// gateway to such a line.
const defaultGap = 16

// readBounds reads the settings of a device that bound its requests.
func readBounds(r *driver.Reader) bounds {
	return bounds{
		gap:       int(r.Int("maxGap", defaultGap, 0, maxReadRegisters-1)),
		registers: int(r.Int("maxRegisters", maxReadRegisters, 1, maxReadRegisters)),
		bits:      int(r.Int("maxCoils", maxReadBits, 1, maxReadBits)),
	}
}

// most is how many registers or bits one request may read.
func (b bounds) most(t table) int {
	if t.bits() {
		return b.bits
	}
	return b.registers
}

// maxGap is how many registers, or bits of as many bytes, are read along.
func (b bounds) maxGap(t table) int {
	if t.bits() {
		return 16 * b.gap
	}
	return b.gap
}

// check refuses a point that no request can read whole.
func (b bounds) check(s span) error {
	if s.count <= b.most(s.table) {
		return nil
	}
	key := "maxRegisters"
	if s.table.bits() {
		key = "maxCoils"
	}
	return &driver.SettingError{
		Key: "limit", Value: s.count, Want: fmt.Sprintf("at most %d, as %s of the device says", b.most(s.table), key),
	}
}
