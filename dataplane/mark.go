package dataplane

import (
	"cmp"
	"fmt"
	"math"
)

// A Mark is a point in one lane of one publisher: all up to and including
// this epoch and sequence. The zero Mark is before all.
type Mark struct {
	Epoch uint64
	Seq   uint64
}

// Compare returns -1, 0 or 1 as m is before, at or behind o.
func (m Mark) Compare(o Mark) int {
	if c := cmp.Compare(m.Epoch, o.Epoch); c != 0 {
		return c
	}
	return cmp.Compare(m.Seq, o.Seq)
}

// String returns epoch/seq.
func (m Mark) String() string { return fmt.Sprintf("%d/%d", m.Epoch, m.Seq) }

func (w *wire) mark(what string) Mark {
	return Mark{Epoch: w.uvarint(what, math.MaxUint64), Seq: w.uvarint(what, math.MaxUint64)}
}
