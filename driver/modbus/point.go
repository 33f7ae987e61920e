package modbus

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"datastub/driver"
)

var (
	_ driver.Point    = (*point)(nil)
	_ driver.Unreader = (*point)(nil)
	_ driver.Rounder  = (*point)(nil)
)

// point is where a property lies in a device, and how.
type point struct {
	span
	device   *device
	format   format
	readOnly bool
	verify   bool // writes are read back
	unread   []string
}

// Unread returns the keys that mean nothing to a point.
func (p *point) Unread() []string { return p.unread }

// String names the point's addresses.
func (p *point) String() string {
	if mask := p.format.encoding.mask; mask != 0 {
		return fmt.Sprintf("bit %d of %v", bits.TrailingZeros16(mask), p.span)
	}
	return p.span.String()
}

// Round implements driver.Rounder.
func (p *point) Round(value any) (any, error) {
	data, err := p.encode(value)
	if err != nil {
		return nil, err
	}
	value, _, err = p.format.decode(data)
	return value, err
}

// mask returns the point's bit as its register is sent, if it is one.
func (p *point) mask() uint16 {
	big := binary.BigEndian.AppendUint16(nil, p.format.encoding.mask)
	return binary.BigEndian.Uint16(p.format.order.fromBig(big))
}

// encode makes the bytes of one request that writes a value of the point's
// type. Its errors wrap driver.ErrValue.
func (p *point) encode(value any) ([]byte, error) {
	if most := p.table.maxWrite(); p.count > most {
		return nil, fmt.Errorf("%w: one request writes %d at most", driver.ErrValue, most)
	}
	data, err := p.format.encode(value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", driver.ErrValue, err)
	}
	return data, nil
}

// types are those that points may have.
var types = []driver.Type{driver.Int, driver.Float, driver.Double, driver.Boolean, driver.String, driver.Bytes}

// newPoint reads a point's settings, as the package documents them.
func newPoint(d *device, c driver.PointConfig) (*point, error) {
	r := c.Settings.Reader()
	if !slices.Contains(types, c.Type) {
		r.Refuse("type", c.Type, "one of INT, FLOAT, DOUBLE, BOOLEAN, STRING, BYTES")
		return nil, r.Err()
	}
	t := readTable(r)
	e, count := readEncoding(r, t, c.Type)
	o := readPointOrder(r, d.orderOf(e))
	if t.bits() {
		o = order{}
	}
	p := &point{
		span: span{table: t, first: readOffset(r, count), count: count},
		format: format{
			typ:      c.Type,
			encoding: e,
			count:    count,
			bits:     t.bits(),
			order:    o,
			scale:    readScale(r),
			limits:   readLimits(r, e),
		},
		device:   d,
		readOnly: c.ReadOnly || !t.writable(),
		verify:   r.Bool("verify", false),
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	p.unread = r.Unread()
	return p, nil
}

func readTable(r *driver.Reader) table {
	const key = "register"
	words := make([]string, len(tables))
	for t := range tables {
		words[t] = tables[t].word
	}
	if !r.Has(key) {
		r.Refuse(key, nil, "one of "+strings.Join(words, ", "))
		return holdingRegisters
	}
	word := r.Enum(key, tables[holdingRegisters].word, words...)
	return table(slices.Index(words, word))
}

func readOffset(r *driver.Reader, count int) int {
	const key = "offset"
	const last = addresses - 1
	if !r.Has(key) {
		r.Refuse(key, nil, fmt.Sprintf("a whole number from 0 to %d", last))
		return 0
	}
	offset := int(r.Int(key, 0, 0, last))
	if offset+count > addresses {
		r.Refuse(key, r.String(key, ""), fmt.Sprintf("at most %d, as %d addresses are read and the last is %d", addresses-count, count, last))
	}
	return offset
}

// readScale takes a factor of 0 for 1: KubeEdge's mapper has it where none was
// given.
func readScale(r *driver.Reader) *scale {
	factor := r.Float("scale", 1)
	if factor == 0 {
		factor = 1
	}
	return newScale(factor, r.Float("valueOffset", 0))
}

func readLimits(r *driver.Reader, e encoding) limits {
	l := limits{math.Inf(-1), math.Inf(1)}
	for _, end := range []struct {
		key   string
		value *float64
	}{{"min", &l.low}, {"max", &l.high}} {
		if r.Has(end.key) && (e.kind == text || e.kind == raw) {
			r.Refuse(end.key, r.String(end.key, ""), "absent: "+e.name+" has no order")
			continue
		}
		*end.value = r.Float(end.key, *end.value)
	}
	if l.low > l.high {
		r.Refuse("max", r.String("max", ""), fmt.Sprintf("a number from min up, which is %v", l.low))
	}
	return l
}
