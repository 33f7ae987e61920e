package modbus

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"datastub/driver"
)

// encode makes the bytes to send of a value of the point's type.
func (f format) encode(value any) ([]byte, error) {
	if !f.typ.Holds(value) {
		return nil, fmt.Errorf("value %v is of type %T: want one of %s", value, value, f.typ)
	}
	switch f.encoding.kind {
	case raw:
		return f.encodeRaw(value.([]byte))
	case text:
		return f.encodeText(value.(string))
	case boolean:
		return f.encodeBoolean(value)
	}
	n, err := ofValue(value)
	if err != nil {
		return nil, err
	}
	if reason := strange(n); reason != "" {
		return nil, fmt.Errorf("value %v is %s", value, reason)
	}
	if f.typ != driver.Boolean { // true is 1 in the register, whatever the scale
		n = f.scale.undo(n)
	}
	u, err := f.encodeNumber(n)
	switch {
	case err == nil:
		return f.pack(u), nil
	case f.scale == nil: // which names the value
		return nil, err
	}
	return nil, fmt.Errorf("value %v: %w", value, err)
}

// encodeRaw wants exactly as many bytes as the point has.
func (f format) encodeRaw(b []byte) ([]byte, error) {
	if len(b) != f.size() {
		return nil, fmt.Errorf("value has %d bytes: want %d", len(b), f.size())
	}
	if !f.bits {
		return f.order.fromBig(b), nil
	}
	packed := slices.Clone(b)
	if rest := f.count % 8; rest != 0 {
		packed[len(packed)-1] &= 1<<rest - 1
	}
	return packed, nil
}

// encodeText fills up with NULs.
func (f format) encodeText(s string) ([]byte, error) {
	if len(s) > f.size() {
		return nil, fmt.Errorf("text has %d bytes: want %d at most", len(s), f.size())
	}
	big := make([]byte, f.size())
	copy(big, s)
	return f.order.fromBig(big), nil
}

func (f format) encodeBoolean(value any) ([]byte, error) {
	set, err := f.asBool(value)
	if err != nil {
		return nil, err
	}
	big := make([]byte, f.size())
	switch mask := f.encoding.mask; {
	case set && mask != 0:
		binary.BigEndian.PutUint16(big, mask)
	case set:
		big[len(big)-1] = 1
	}
	if f.bits {
		slices.Reverse(big)
		return big, nil
	}
	return f.order.fromBig(big), nil
}

// asBool turns a value of the point's type into what a boolean has.
func (f format) asBool(value any) (bool, error) {
	if s, ok := value.(string); ok {
		set, err := strconv.ParseBool(s)
		if err != nil {
			return false, fmt.Errorf("%q is not true or false", s)
		}
		return set, nil
	}
	n, err := ofValue(value)
	if err != nil {
		return false, err
	}
	return asFloat(n) != 0, nil
}

// encodeNumber returns the number's bits, those of a 32-bit float in the low
// half.
func (f format) encodeNumber(n number) (uint64, error) {
	if f.encoding.kind == float {
		return f.encodeFloat(n)
	}
	whole, err := asWhole(n)
	if err != nil {
		return 0, err
	}
	u, fits := f.encodeWhole(whole)
	if !fits {
		return 0, fmt.Errorf("%v does not fit %s of %d bits: want %s", whole, f.encoding.name, f.width(), f.span())
	}
	return u, nil
}

// encodeWhole returns the bits of an int64 or uint64. It does not fit if the
// point has too few of them.
func (f format) encodeWhole(n number) (u uint64, fits bool) {
	u, positive := n.(uint64)
	i, small := n.(int64)
	if small {
		u, positive = uint64(i), i >= 0
	}
	switch f.encoding.kind {
	case signed:
		return u, small && fitsSigned(i, f.width())
	case bcd:
		u, fits = encodeBCD(u, f.width())
		return u, positive && fits
	}
	return u, positive && fitsUnsigned(u, f.width())
}

// span tells which whole numbers fit.
func (f format) span() string {
	switch most := ^uint64(0) >> (64 - f.width()); f.encoding.kind {
	case signed:
		return fmt.Sprintf("%d to %d", -int64(most/2)-1, most/2)
	case bcd:
		return "0 to " + strings.Repeat("9", f.width()/4)
	default:
		return fmt.Sprintf("0 to %d", most)
	}
}

func (f format) encodeFloat(n number) (uint64, error) {
	if reason := strange(n); reason != "" {
		return 0, fmt.Errorf("the register's number is %s", reason)
	}
	if f.size() == 8 {
		return math.Float64bits(asFloat(n)), nil
	}
	f32, err := asFloat32(n)
	if err != nil {
		return 0, err
	}
	return uint64(math.Float32bits(f32)), nil
}

// width is how many bits a whole number may have.
func (f format) width() int {
	if f.bits {
		return f.count
	}
	return 16 * f.count
}

func fitsSigned(n int64, bits int) bool {
	unused := 64 - bits
	return n<<unused>>unused == n
}

func fitsUnsigned(n uint64, bits int) bool { return bits == 64 || n>>bits == 0 }

// pack lays out the low bits of u as the device wants them.
func (f format) pack(u uint64) []byte {
	big := binary.BigEndian.AppendUint64(nil, u)[8-f.size():]
	if f.bits {
		slices.Reverse(big)
		return big
	}
	return f.order.fromBig(big)
}
