package push

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	most := func(n int64) int64 { return n - 1 }
	for failures, want := range map[int]time.Duration{
		0: minBackoff, 1: 2 * minBackoff, 3: 8 * minBackoff, 7: maxBackoff, 1000: maxBackoff,
	} {
		if got := backoff(failures, most); got < want || got > want+time.Millisecond {
			t.Errorf("after %d failures: at most %v, want %v", failures, got, want)
		}
	}
	if got := backoff(1, func(int64) int64 { return 0 }); got <= 0 {
		t.Errorf("at least %v, want more than nothing", got)
	}
}
