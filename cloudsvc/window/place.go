package window

import "cmp"

// A Place is where a line stands in the log: the block, and the index in it. The
// zero Place is before all.
type Place struct {
	Block uint64
	Index uint32
}

// Compare returns -1, 0 or 1 as p is before, at or behind o.
func (p Place) Compare(o Place) int {
	if c := cmp.Compare(p.Block, o.Block); c != 0 {
		return c
	}
	return cmp.Compare(p.Index, o.Index)
}

func earlier(p, o Place) Place {
	if o.Compare(p) < 0 {
		return o
	}
	return p
}
