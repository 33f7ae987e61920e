package dataplane

import (
	"math"
	"testing"
)

func TestMarkCompare(t *testing.T) {
	t.Parallel()
	rising := []Mark{{}, {0, 1}, {1, 0}, {1, 1}, {1, math.MaxUint64}, {2, 0}}
	for i, a := range rising {
		for j, b := range rising {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%v against %v: %d, want %d", a, b, got, want)
			}
		}
	}
}
