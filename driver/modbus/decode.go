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
	scale    scale
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
	n := f.scale.apply(decodeNumber(big, f.encoding.kind))
	value, err = asType(n, f.typ, f.digits())
	if err != nil {
		return nil, "", err
	}
	return value, f.limits.check(n, f.digits()), nil
}

// decodeBoolean makes true of anything but zeros.
func (f format) decodeBoolean(big []byte) (any, string, error) {
	set := slices.ContainsFunc(big, func(b byte) bool { return b != 0 })
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
	value, err := asType(n, f.typ, f.digits())
	return value, f.limits.check(n, f.digits()), err
}

// decodeNumber reads at most 8 bytes, big-endian; of a float 4 or 8.
func decodeNumber(big []byte, k kind) number {
	var buf [8]byte
	copy(buf[8-len(big):], big)
	u := binary.BigEndian.Uint64(buf[:])
	switch {
	case k == float && len(big) == 4:
		return float64(math.Float32frombits(uint32(u)))
	case k == float:
		return math.Float64frombits(u)
	case k == signed:
		unused := 64 - 8*len(big)
		return int64(u<<unused) >> unused
	}
	return u
}

// digits is how many bits a number has that becomes text or is compared: 0.1 of
// a float32 is 0.1, not 0.10000000149011612.
func (f format) digits() int {
	if f.encoding.kind == float && f.size() == 4 {
		return 32
	}
	return 64
}

// decodeText returns the text up to the first NUL, for shorter ones are
// filled up with them.
func decodeText(big []byte) (value, suspect string) {
	if end := bytes.IndexByte(big, 0); end >= 0 {
		big = big[:end]
	}
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
