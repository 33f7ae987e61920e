package mapper

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// What is done is done once at a time, and again for each time the alarm rang
// meanwhile, but once for many.
func TestAlarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a alarm
		var done atomic.Int32
		busy := false
		a.ring() // before there is anything to do
		a.begin(func() {
			if busy {
				t.Error("it is done twice at once")
			}
			busy = true
			time.Sleep(time.Second)
			busy = false
			switch done.Add(1) {
			case 1:
				a.ringIn(time.Hour)
				a.ringIn(5 * time.Second)
			case 5:
				a.ringIn(5 * time.Second)
				a.end()
			}
		})
		start := time.Now()
		for _, step := range []struct {
			at    time.Duration
			rings int
			want  int32
		}{
			{500 * time.Millisecond, 0, 0},
			{5 * time.Second, 0, 1},
			{6500 * time.Millisecond, 3, 1}, // it is set to 6 s, and at work
			{7500 * time.Millisecond, 0, 2},
			{10 * time.Second, 1, 3},
			{12 * time.Second, 1, 4},
			{20 * time.Second, 2, 5}, // it has ended
			{time.Minute, 0, 5},
		} {
			time.Sleep(step.at - time.Since(start))
			synctest.Wait()
			if got := done.Load(); got != step.want {
				t.Errorf("after %v: done %d times, want %d", step.at, got, step.want)
			}
			for range step.rings {
				a.ring()
			}
		}
	})
}
