package spool

import (
	"slices"

	"datastub/dataplane"
)

// chunkLength is how many records are kept in one array: room for some common
// batches, of which only those that cross its end are copied, and little to be
// idle at either end of a lane.
const chunkLength = 4096

// records is a queue of records, in arrays that do not move: what is appended
// is never changed, so that batches share it.
type records struct {
	chunks [][]dataplane.Message // full but for the last
	begin  int                   // where the oldest is, in the first chunk
	length int
}

func (r *records) len() int { return r.length }

func (r *records) push(msg *dataplane.Message) {
	last := len(r.chunks) - 1
	if last < 0 || len(r.chunks[last]) == chunkLength {
		r.chunks = append(r.chunks, make([]dataplane.Message, 0, chunkLength))
		last++
	}
	r.chunks[last] = append(r.chunks[last], *msg)
	r.length++
}

// at returns the i-th oldest record.
func (r *records) at(i int) *dataplane.Message {
	i += r.begin
	return &r.chunks[i/chunkLength][i%chunkLength]
}

// pop takes the n oldest records away. Their arrays are given back.
func (r *records) pop(n int) {
	r.begin += n
	r.length -= n
	r.chunks = slices.Delete(r.chunks, 0, r.begin/chunkLength)
	r.begin %= chunkLength
}

// slice returns the n records from the i-th oldest on.
func (r *records) slice(i, n int) []dataplane.Message {
	if n == 0 {
		return nil
	}
	i += r.begin
	chunk, from := r.chunks[i/chunkLength], i%chunkLength
	if to := from + n; to <= len(chunk) {
		return chunk[from:to:to]
	}
	joined := slices.Clone(chunk[from:])
	for k := i/chunkLength + 1; len(joined) < n; k++ {
		next := r.chunks[k]
		joined = append(joined, next[:min(n-len(joined), len(next))]...)
	}
	return joined
}
