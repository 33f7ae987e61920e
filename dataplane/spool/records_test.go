package spool

import (
	"testing"

	"datastub/dataplane"
)

// TestRecords pushes and pops across the ends of the arrays, and looks at every
// slice's ends. What was sliced before does not change.
func TestRecords(t *testing.T) {
	t.Parallel()
	var r records
	var oldest, next uint64
	check := func(got []dataplane.Message, first uint64, n int) {
		t.Helper()
		if len(got) != n || n > 0 && (got[0].Seq != first || got[n-1].Seq != first+uint64(n)-1) {
			t.Fatalf("slice of %d: got %d records from %d", n, len(got), got[0].Seq)
		}
	}
	for _, step := range []struct{ push, pop int }{
		{1, 1}, {chunkLength - 1, 0}, {1, 0}, {3 * chunkLength, 10}, {5, chunkLength - 10}, {0, 2 * chunkLength}, {7, 12},
	} {
		for range step.push {
			r.push(&dataplane.Message{Seq: next})
			next++
		}
		before := r.slice(0, r.len())
		first := oldest
		r.pop(step.pop)
		oldest += uint64(step.pop)
		check(before, first, len(before))
		if r.len() != int(next-oldest) {
			t.Fatalf("length: got %d, want %d", r.len(), next-oldest)
		}
		for i := 0; i < r.len(); i += 97 {
			if got := r.at(i).Seq; got != oldest+uint64(i) {
				t.Fatalf("record %d: got %d, want %d", i, got, oldest+uint64(i))
			}
			for _, n := range []int{1, chunkLength, r.len() - i} {
				if n <= r.len()-i {
					check(r.slice(i, n), oldest+uint64(i), n)
				}
			}
		}
		if most := r.len()/chunkLength + 2; len(r.chunks) > most {
			t.Errorf("%d records in %d arrays, want at most %d", r.len(), len(r.chunks), most)
		}
	}
}
