package modbus

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"datastub/driver"
)

// format is all that makes a value of a point's bytes, and bytes of a value.
type format struct {
	typ      driver.Type
	encoding encoding
	count    int  // registers or bits
	bits     bool // the bytes are packed bits, the first one lowest
	order    order
	scale    *scale
	limits   limits
}

// size is how many bytes the point has.
func (f format) size() int {
	if f.bits {
		return (f.count + 7) / 8
	}
	return 2 * f.count
}

// decode makes a value of the point's type of size bytes, as a device sends
// them. Suspect is empty, or says why the value is not to be trusted.
func (f format) decode(data []byte) (value any, suspect string, err error) {
	if f.encoding.kind == raw {
		return f.order.toBig(data), "", nil
	}
	big := f.toBig(data)
	switch f.encoding.kind {
	case text:
		value, suspect = decodeText(big)
		return value, suspect, nil
	case boolean:
		return f.decodeBoolean(big)
	}
	n, err := decodeNumber(big, f.encoding.kind)
	if err != nil {
		return nil, "", err
	}
	return f.ofNumber(f.scale.apply(n))
}

// ofNumber makes a value of the point's type of a number.
func (f format) ofNumber(n number) (value any, suspect string, err error) {
	if value, err = asType(n, f.typ); err != nil {
		return nil, "", err
	}
	return value, f.limits.check(n), nil
}

// decodeBoolean makes true of anything but zeros.
func (f format) decodeBoolean(big []byte) (any, string, error) {
	set := f.encoding.isSet(big)
	switch f.typ {
	case driver.Boolean:
		return set, "", nil
	case driver.String:
		if set {
			return "true", "", nil
		}
		return "false", "", nil
	}
	n, err := ofValue(set)
	if err != nil {
		return nil, "", err
	}
	return f.ofNumber(n)
}

// isSet tells whether anything that counts is not 0.
func (e encoding) isSet(big []byte) bool {
	if e.mask != 0 {
		return binary.BigEndian.Uint16(big)&e.mask != 0
	}
	return slices.ContainsFunc(big, func(b byte) bool { return b != 0 })
}

// decodeNumber reads at most 8 bytes, big-endian; of a float 4 or 8.
func decodeNumber(big []byte, k kind) (number, error) {
	var buf [8]byte
	copy(buf[8-len(big):], big)
	u := binary.BigEndian.Uint64(buf[:])
	switch {
	case k == float && len(big) == 4:
		return widen(math.Float32frombits(uint32(u))), nil
	case k == float:
		return math.Float64frombits(u), nil
	case k == bcd:
		return decodeBCD(u, 8*len(big))
	case k == signed:
		unused := 64 - 8*len(big)
		return int64(u<<unused) >> unused, nil
	}
	return u, nil
}

// decodeText returns the text up to the first NUL and without spaces at its
// end, for devices fill shorter ones up with either.
func decodeText(big []byte) (value, suspect string) {
	if end := bytes.IndexByte(big, 0); end >= 0 {
		big = big[:end]
	}
	big = bytes.TrimRight(big, " ")
	if utf8.Valid(big) {
		return string(big), ""
	}
	return strings.ToValidUTF8(string(big), string(utf8.RuneError)), "text is not UTF-8"
}

// toBig returns the bytes with the most significant first.
func (f format) toBig(data []byte) []byte {
	if !f.bits {
		return f.order.toBig(data)
	}
	big := slices.Clone(data)
	slices.Reverse(big)
	return big
}
