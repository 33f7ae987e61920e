package window

import (
	"cmp"
	"strings"

	"datastub/dataplane"
)

// maxText is how long a text may be that is kept as the first or the last one,
// in bytes. Of a longer one there is only the count.
const maxText = 1 << 10

// A cellKey is what the values of one row have in common. What rows are not
// divided by is empty.
type cellKey struct {
	namespace, topic, device, property, unit string
	typ                                      dataplane.Type
}

func (k cellKey) compare(o cellKey) int {
	return cmp.Or(
		strings.Compare(k.namespace, o.namespace), strings.Compare(k.topic, o.topic), strings.Compare(k.device, o.device),
		strings.Compare(k.property, o.property), strings.Compare(k.unit, o.unit), cmp.Compare(k.typ, o.typ),
	)
}

// A cell is what is known of the values of one row. Numbers and booleans, of
// which false is 0 and true is 1, have all functions; texts are counted and are
// first or last.
type cell struct {
	count, bad      uint64 // of the values, and of those that are not to be trusted
	min, max        dataplane.Value
	first, last     dataplane.Value
	firstAt, lastAt int64 // their times, in Unix nanoseconds
	sum             sum
}

// add takes a value in. Of values of one time, the one that is added first is
// the first.
func (c *cell) add(v dataplane.Value, at int64) {
	if c.count == 0 || at < c.firstAt {
		c.first, c.firstAt = kept(v), at
	}
	if c.count == 0 || at >= c.lastAt {
		c.last, c.lastAt = kept(v), at
	}
	c.count++
	if _, text := v.Text(); text {
		return
	}
	c.extend(v, v)
	c.sum.add(v)
}

// extend takes a least and a greatest value into account.
func (c *cell) extend(least, greatest dataplane.Value) {
	if c.min.Type() == 0 || compare(least, c.min) < 0 {
		c.min = least
	}
	if c.max.Type() == 0 || compare(greatest, c.max) > 0 {
		c.max = greatest
	}
}

// merge takes in a cell of the same row whose times are all behind.
func (c *cell) merge(o *cell) {
	c.bad += o.bad
	if o.count == 0 {
		return
	}
	if c.count == 0 {
		c.first, c.firstAt = o.first, o.firstAt
	}
	c.last, c.lastAt = o.last, o.lastAt
	c.count += o.count
	if o.min.Type() != 0 {
		c.extend(o.min, o.max)
		c.sum.merge(&o.sum)
	}
}

// textBytes is how many bytes of texts the cell keeps.
func (c *cell) textBytes() int {
	first, _ := c.first.Text()
	last, _ := c.last.Text()
	return len(first) + len(last)
}

// kept returns a value, or the zero Value where it is too long to be kept.
func kept(v dataplane.Value) dataplane.Value {
	if text, _ := v.Text(); len(text) > maxText {
		return dataplane.Value{}
	}
	return v
}

// compare returns -1, 0 or 1 as v is less than, equal to or greater than o, which
// are two ints, two booleans, or finite.
func compare(v, o dataplane.Value) int {
	a, small := v.Int64()
	b, otherSmall := o.Int64()
	switch {
	case small && otherSmall:
		return cmp.Compare(a, b)
	case v.Type() == dataplane.Int:
		return compareLarge(v, o)
	case v.Type() == dataplane.Boolean:
		v, o = number(v), number(o)
	}
	x, _ := v.Number()
	y, _ := o.Number()
	return cmp.Compare(x, y)
}

// compareLarge compares ints of which one is above the largest int64.
func compareLarge(v, o dataplane.Value) int {
	a, positive := v.Uint64()
	b, otherPositive := o.Uint64()
	switch {
	case !positive:
		return -1
	case !otherPositive:
		return 1
	}
	return cmp.Compare(a, b)
}

// number returns a boolean as an int.
func number(v dataplane.Value) dataplane.Value {
	if b, _ := v.Bool(); b {
		return dataplane.IntValue(1)
	}
	return dataplane.IntValue(0)
}
