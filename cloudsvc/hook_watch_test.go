package cloudsvc

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

// testRetention knows when blocks of class RT were stored, and dooms none.
type testRetention struct {
	mu     sync.Mutex
	stored map[uint64]time.Time
}

func (*testRetention) Doomed(context.Context, dataplane.Class, float64) (uint64, error) {
	return 0, nil
}

func (r *testRetention) Stored(_ context.Context, _ dataplane.Class, seq uint64) (time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stored[seq], nil
}

func (r *testRetention) store(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stored == nil {
		r.stored = make(map[uint64]time.Time)
	}
	r.stored[seq] = time.Now()
}

// TestWhoIsBehindIsWarned has a hook behind twice: it is told of that each time,
// and once.
func TestWhoIsBehindIsWarned(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Done))
		defer b.stop()
		hook, other := b.create(t, nil), b.create(t, nil)
		for range 2 {
			b.setState(t, hook.ID, HookPaused)
			for range 5 {
				b.publish(t, packer, "a")
			}
			time.Sleep(restTime + time.Second) // the other one moves on
			first := (b.next - 1) / 5 * 5      // as each block has one message
			for n := range uint64(3) {
				b.warn(classBlocks{first - 4 + n, 0})
			}
			status, err := b.Status(hook.ID)
			if err != nil || !strings.HasPrefix(status.Warning, "3 RT blocks of the log") {
				t.Errorf("warning %q, %v, want one of 3 blocks", status.Warning, err)
			}
			b.setState(t, hook.ID, HookActive)
			time.Sleep(restTime + time.Second)
			b.warn(classBlocks{first, 0})
			if status, _ = b.Status(hook.ID); status.Warning != "" {
				t.Errorf("warning %q of one that has caught up", status.Warning)
			}
		}
		var behind []hookEvent
		for _, event := range b.told.values(t, hook.ID) {
			if event.Event == eventBehind {
				behind = append(behind, event)
			}
		}
		if len(behind) != 2 || behind[0].Class != "RT" || behind[0].Blocks != 1 {
			t.Errorf("%+v, want two warnings, the first of one block", behind)
		}
		wantTexts(t, "events of another", b.told.names(t, other.ID), eventCreated)
	})
}

func TestLagHasATime(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Retry))
		defer b.stop()
		hook := b.create(t, nil)
		lag := func() float64 {
			t.Helper()
			status, err := b.Status(hook.ID)
			if err == nil {
				err = b.age(t.Context(), &status, new(storedTimes))
			}
			if err != nil {
				t.Fatal(err)
			}
			return status.LagSeconds
		}
		if got := lag(); got != 0 {
			t.Errorf("lag %v s of nothing", got)
		}
		b.publish(t, packer, "a")
		b.retention.store(1)
		time.Sleep(5 * time.Second)
		b.publish(t, packer, "b")
		b.retention.store(2)
		time.Sleep(2 * time.Second)
		if got := lag(); got != 7 { // the oldest is that of a
			t.Errorf("lag %v s, want 7", got)
		}
		b.answerAs(always(webhook.Done))
		time.Sleep(time.Minute)
		if got := lag(); got != 0 {
			t.Errorf("lag %v s of what is done", got)
		}
	})
}
