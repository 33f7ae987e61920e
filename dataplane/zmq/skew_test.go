package zmq

import (
	"testing"
	"time"
)

func TestSkew(t *testing.T) {
	t.Parallel()
	var s skew
	for i, step := range []struct {
		offset  time.Duration
		want    skew
		changed bool
	}{
		{0, 0, false},
		{999 * time.Millisecond, 0, false},
		{-time.Second, 1, true},
		{999 * time.Millisecond, 1, false},
		{1100 * time.Millisecond, 1, false},
		{400 * time.Millisecond, 0, true},
		{-2 * time.Hour, 2, true},
		{31 * time.Minute, 2, false},
		{29 * time.Minute, 1, true},
		{time.Hour, 2, true},
		{0, 0, true},
	} {
		if changed := s.note(step.offset); s != step.want || changed != step.changed {
			t.Errorf("step %d, %v: got %d, %v; want %d, %v", i, step.offset, s, changed, step.want, step.changed)
		}
	}
}
