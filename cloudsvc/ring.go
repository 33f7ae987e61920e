package cloudsvc

import (
	"cmp"
	"slices"
)

// maxRing is about how much memory the recent blocks of one class may take, in
// bytes: enough for a joiner to go from the log to the live stream, and for a
// reader who stumbles to stay out of the log.
const maxRing = 32 << 20

// A ring keeps the blocks of one class that were routed last. It is not safe
// for concurrent use.
type ring struct {
	blocks []*storedBlock // in order
	weight int            // of them together, in bytes
}

// add takes in the block that follows, and lets go of the oldest where they are
// too many. The last one always stays.
func (r *ring) add(b *storedBlock) {
	r.blocks = append(r.blocks, b)
	r.weight += b.weight
	for r.weight > maxRing && len(r.blocks) > 1 {
		r.weight -= r.blocks[0].weight
		r.blocks[0] = nil // else the array would keep it
		r.blocks = r.blocks[1:]
	}
}

// from returns the first block with this sequence or a later one. It returns
// nil where older blocks than the ring has are asked for, or none have come.
func (r *ring) from(seq uint64) *storedBlock {
	at, found := slices.BinarySearchFunc(r.blocks, seq, func(b *storedBlock, seq uint64) int {
		return cmp.Compare(b.seq, seq)
	})
	if at == len(r.blocks) || at == 0 && !found {
		return nil
	}
	return r.blocks[at]
}

// between returns how many lines are behind one place, up to another one that
// is not before it, or at least most where they are more, or not all here.
func (r *ring) between(from, to Place, most int) int {
	left := 0
	for from != to && left < most {
		b := r.from(from.next().Block)
		if b == nil {
			return most
		}
		first, end := b.span(from, to)
		left += int(end - first)
		if from = endOf(b.seq); b.seq >= to.Block {
			from = to
		}
	}
	return left
}
