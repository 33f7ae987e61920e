package cloudsvc

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"datastub/dataplane"
)

// A seekLog takes a second for each seek, and counts those that run.
type seekLog struct {
	*memoryLog

	mu            sync.Mutex
	running, most int
}

func (l *seekLog) Before(ctx context.Context, _ dataplane.Class, _ time.Time) (uint64, error) {
	l.count(1)
	defer l.count(-1)
	select {
	case <-time.After(time.Second):
		return 7, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (l *seekLog) count(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running += n
	l.most = max(l.most, l.running)
}

// Many look for a time at once: some of them wait, and those for whom that takes
// too long are told.
func TestSeeksTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &seekLog{memoryLog: newMemoryLog()}
		h := NewHistory(log, nil, NewMetrics(prometheus.NewRegistry()))
		var all sync.WaitGroup
		var found, late atomic.Int32
		for range 20 * historySeeks {
			all.Go(func() {
				seq, err := h.before(t.Context(), dataplane.RT, testTime)
				switch {
				case isContextError(err):
					late.Add(1)
				case err == nil && seq == 7:
					found.Add(1)
				}
			})
		}
		all.Wait()
		if log.most != historySeeks {
			t.Errorf("%d at once, want %d", log.most, historySeeks)
		}
		if f, l := found.Load(), late.Load(); f < 9*historySeeks || f+l != 20*historySeeks {
			t.Errorf("%d found it, and %d had no time", f, l)
		}
	})
}
