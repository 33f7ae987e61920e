package spool

import (
	"cmp"
	"slices"

	"datastub/dataplane"
)

// holes are what a lane has lost, by rising epoch and sequence, none adjacent
// to another of the same reason.
type holes []*hole

// at returns the hole that a record is in, nil if it is in none.
func (hs holes) at(m dataplane.Mark) *hole {
	for _, h := range hs {
		if h.epoch == m.Epoch && h.from <= m.Seq && m.Seq <= h.to {
			return h
		}
	}
	return nil
}

// grow returns the hole that records from one on are to be added to: the one
// that ends there, or a new one.
func (hs *holes) grow(from dataplane.Mark, reason string) *hole {
	for _, h := range *hs {
		if h.epoch == from.Epoch && h.to+1 == from.Seq && h.reason == reason {
			return h
		}
	}
	h := &hole{epoch: from.Epoch, from: from.Seq, to: from.Seq - 1, reason: reason}
	i, _ := slices.BinarySearchFunc(*hs, h, func(a, b *hole) int {
		return cmp.Or(cmp.Compare(a.epoch, b.epoch), cmp.Compare(a.from, b.from))
	})
	*hs = slices.Insert(*hs, i, h)
	return h
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
