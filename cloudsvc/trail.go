package cloudsvc

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// maxTrail is how many marks a trail has. One for each pair of shelves is enough
// but for rules that change all the time; what is forgotten makes less known.
const maxTrail = 128

// A trail tells where the blocks of a class are that its limits may take, shelf
// by shelf: a reader who finds blocks missing before one that has a trail knows
// what was in them. The zero trail knows nothing. It is not changed.
type trail struct {
	since uint64 // it knows of the blocks from this sequence on; 0: of none
	marks []trailMark
}

// A trailMark is the last block on a shelf that had topics of a shelf: mostly of
// the same one.
type trailMark struct {
	shelf, topics uint32
	block         uint64
}

// with returns the trail with one more block, on a shelf, with topics of some.
func (t trail) with(block uint64, shelf uint32, topics []uint32) trail {
	if t.since == 0 {
		return trail{since: block + 1}
	}
	marks := slices.Clone(t.marks)
	for _, of := range topics {
		mark := trailMark{shelf, of, block}
		at, known := slices.BinarySearchFunc(marks, mark, func(a, b trailMark) int {
			return cmp.Or(cmp.Compare(a.shelf, b.shelf), cmp.Compare(a.topics, b.topics))
		})
		if known {
			marks[at] = mark
		} else {
			marks = slices.Insert(marks, at, mark)
		}
	}
	t.marks = marks
	for len(t.marks) > maxTrail {
		t.forget()
	}
	return t
}

// forget forgets the oldest mark, and all that was before it.
func (t *trail) forget() {
	oldest := slices.MinFunc(t.marks, func(a, b trailMark) int { return cmp.Compare(a.block, b.block) })
	t.since = max(t.since, oldest.block+1)
	t.marks = slices.DeleteFunc(t.marks, func(m trailMark) bool { return m == oldest })
}

// behind returns the trail of a log that ends at a block, and of which the rest
// was not seen.
func (t trail) behind(block uint64) trail {
	t.since = max(t.since, block+1)
	return t
}

// from returns where the blocks from a sequence on are, or were, up to where the
// trail ends. It returns false where that is not known.
func (t trail) from(seq uint64) (marks []trailMark, known bool) {
	if t.since == 0 || seq < t.since {
		return nil, false
	}
	for _, m := range t.marks {
		if m.block >= seq {
			marks = append(marks, m)
		}
	}
	return marks, true
}

// appendTo appends the trail to a block's header, or to a snapshot of marks.
func (t trail) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, t.since)
	dst = binary.AppendUvarint(dst, uint64(len(t.marks)))
	for _, m := range t.marks {
		dst = binary.AppendUvarint(dst, uint64(m.shelf))
		dst = binary.AppendUvarint(dst, uint64(m.topics))
		dst = binary.AppendUvarint(dst, m.block)
	}
	return dst
}

func (r *blockReader) trail() (t trail) {
	t.since = r.Uvarint()
	for n := r.Count(3); n > 0 && !r.Failed; n-- {
		t.marks = append(t.marks, trailMark{r.uint32(), r.uint32(), r.Uvarint()})
	}
	r.Failed = r.Failed || len(t.marks) > maxTrail
	return t
}

// uint32 reads an unsigned varint of 32 bits at most.
func (r *blockReader) uint32() uint32 {
	n := r.Uvarint()
	r.Failed = r.Failed || n > 1<<32-1
	return uint32(n)
}
