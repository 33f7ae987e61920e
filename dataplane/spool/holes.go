package spool

import (
	"cmp"
	"slices"

	"datastub/dataplane"
)

// holes are what a lane has lost, by rising epoch and sequence, none adjacent
// to another of the same reason.
type holes []*hole

// index returns where the first hole is that ends at a record or behind it.
func (hs holes) index(m dataplane.Mark) int {
	i, _ := slices.BinarySearchFunc(hs, m, func(h *hole, m dataplane.Mark) int {
		return cmp.Or(cmp.Compare(h.epoch, m.Epoch), cmp.Compare(h.to, m.Seq))
	})
	return i
}

// from returns the first hole of an epoch that ends at a record or behind it,
// nil if there is none.
func (hs holes) from(m dataplane.Mark) *hole {
	if i := hs.index(m); i < len(hs) && hs[i].epoch == m.Epoch {
		return hs[i]
	}
	return nil
}

// at returns the hole that a record is in, nil if it is in none.
func (hs holes) at(m dataplane.Mark) *hole {
	if h := hs.from(m); h != nil && h.from <= m.Seq {
		return h
	}
	return nil
}

// grow returns the hole that records from one on are to be added to: the one
// that ends there, or a new one.
func (hs *holes) grow(from dataplane.Mark, reason string) *hole {
	i := hs.index(from)
	if i > 0 {
		if h := (*hs)[i-1]; h.epoch == from.Epoch && h.to+1 == from.Seq && h.reason == reason {
			return h
		}
	}
	h := &hole{epoch: from.Epoch, from: from.Seq, to: from.Seq - 1, reason: reason}
	*hs = slices.Insert(*hs, i, h)
	return h
}

// clone returns a copy, to be written while the holes grow.
func (hs holes) clone() holes {
	c := make(holes, len(hs))
	for i, h := range hs {
		c[i] = &hole{epoch: h.epoch, reason: h.reason, from: h.from, to: h.to, parts: slices.Clone(h.parts)}
		for j := range h.parts {
			c[i].parts[j].spans = slices.Clone(h.parts[j].spans)
		}
	}
	return c
}

// seal makes what is lost from here on be told apart from what was.
func (hs holes) seal() {
	for _, h := range hs {
		h.seal()
	}
}

// release forgets what is up to a mark.
func (hs *holes) release(m dataplane.Mark) {
	*hs = slices.DeleteFunc(*hs, func(h *hole) bool {
		return h.epoch < m.Epoch || h.epoch == m.Epoch && h.release(m.Seq)
	})
}
