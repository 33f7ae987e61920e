package load

import (
	"math/rand/v2"
	"testing"
)

// TestSpansAgreeWithASet adds sequences with holes, repeats and in any order,
// with a set as the oracle.
func TestSpansAgreeWithASet(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var s spans
	seen := make(map[uint64]bool)
	for step := range 20_000 {
		seq := s.last + 1
		if random.IntN(3) == 0 {
			seq = max(s.last, 20) - 19 + random.Uint64N(25)
		}
		want := inOrder
		switch {
		case seen[seq]:
			want = duplicate
		case seq < s.last:
			want = late
		case seq > s.last+1:
			want = ahead
		}
		seen[seq] = true
		if got := s.add(seq); got != want {
			t.Fatalf("step %d: sequence %d is %d, want %d", step, seq, got, want)
		}
		if got, want := s.missing(), s.last-uint64(len(seen)); got != want {
			t.Fatalf("step %d: %d are missing, want %d", step, got, want)
		}
	}
}

func TestSpansAreBounded(t *testing.T) {
	t.Parallel()
	var s spans
	for n := range uint64(10 * maxHoles) {
		s.add(2 * (n + 1)) // each odd one is missing
	}
	if got, want := s.missing(), uint64(10*maxHoles); got != want || len(s.holes) != maxHoles {
		t.Errorf("%d missing, %d holes; want %d, %d", got, len(s.holes), want, maxHoles)
	}
	if got := s.add(1); got != duplicate {
		t.Errorf("a sequence in a hole that was given up is %d, want %d", got, duplicate)
	}
}
