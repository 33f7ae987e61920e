package cloudsvc

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

// testRetention knows when blocks of class RT were stored, and dooms none.
type testRetention struct {
	mu     sync.Mutex
	stored map[uint64]time.Time
}

func (*testRetention) Doomed(context.Context, dataplane.Class, float64) (map[uint32]uint64, error) {
	return nil, nil
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
				b.warn(doomedBlocks{{0: first - 4 + n}})
			}
			status, err := b.Status(hook.ID)
			if err != nil || !strings.HasPrefix(status.Warning, "up to 3 RT blocks of the log") {
				t.Errorf("warning %q, %v, want one of 3 blocks", status.Warning, err)
			}
			b.setState(t, hook.ID, HookActive)
			time.Sleep(restTime + time.Second)
			b.warn(doomedBlocks{{0: first}})
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

// TestAtRisk has a log with traces, some of them with alarms and kept longer, and
// of what limits are about to take asks what concerns whom.
func TestAtRisk(t *testing.T) {
	t.Parallel()
	const traces, alarms, rest = 1, 2, 3
	d := dispatcherOn(newMemoryLog(), Position{Incarnation: 7}, prometheus.NewRegistry())
	d.shelves = Shelves([]RetentionRule{
		{Topics: filtersOf(t, "trace/#"), MaxAge: time.Hour}, {Topics: filtersOf(t, "alarm/#"), MaxAge: 30 * day},
	}, RetentionRule{MaxAge: 7 * day}, nil, traces)
	tr := trail{since: 1}
	for _, m := range []trailMark{{alarms, traces, 10}, {traces, traces, 20}, {alarms, alarms, 30}, {rest, rest, 40}} {
		tr = tr.with(m.block, m.shelf, []uint32{m.topics})
	}
	d.trails[dataplane.RT] = tr
	for name, tt := range map[string]struct {
		filter string
		oldest uint64
		doomed map[uint32]uint64
		want   uint64
	}{
		"nothing":                        {"trace/1", 5, nil, 0},
		"its own":                        {"trace/1", 5, map[uint32]uint64{traces: 9}, 5},
		"the last of several":            {"#", 5, map[uint32]uint64{traces: 9, rest: 20, alarms: 7}, 16},
		"one that is done":               {"trace/1", 10, map[uint32]uint64{traces: 9}, 0},
		"another":                        {"a", 5, map[uint32]uint64{traces: 9, alarms: 8}, 0},
		"with what is kept longer":       {"trace/1", 5, map[uint32]uint64{alarms: 8}, 4},
		"only others are on that by now": {"trace/1", 11, map[uint32]uint64{alarms: 15}, 0},
		"none of it is left":             {"trace/1", 21, map[uint32]uint64{traces: 22}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := d.atRisk(dataplane.RT, filtersOf(t, tt.filter)[0], tt.oldest, tt.doomed); got != tt.want {
				t.Errorf("%d blocks, want %d", got, tt.want)
			}
		})
	}
	d.trails[dataplane.BT] = trail{since: 6}
	if got := d.atRisk(dataplane.BT, filtersOf(t, "a")[0], 5, map[uint32]uint64{traces: 9}); got != 5 {
		t.Errorf("where the trail does not reach: %d blocks, want 5", got)
	}
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
		b.setState(t, hook.ID, HookPaused)
		b.answerAs(always(webhook.Done))
		time.Sleep(time.Second)
		if got := lag(); got != 8 {
			t.Errorf("lag %v s of what nobody takes, want 8", got)
		}
		b.setState(t, hook.ID, HookActive)
		time.Sleep(time.Minute)
		if got := lag(); got != 0 {
			t.Errorf("lag %v s of what is done", got)
		}
		m := testMessage("other")
		b.publishBatch(t, packer, &dataplane.Batch{Publisher: "edge-1/mapper", Class: dataplane.RT, Epoch: 1, First: b.next, Messages: []dataplane.Message{m}})
		b.retention.store(3)
		for range 60 {
			time.Sleep(time.Second)
			if got := lag(); got != 0 {
				t.Fatalf("lag %v s of what does not match", got)
			}
		}
	})
}

// TestLagOfWhatDoesNotMatch has a hook that is behind with much that is not for
// it: its lag is where it looks, not where it once had something.
func TestLagOfWhatDoesNotMatch(t *testing.T) {
	t.Parallel()
	const blocks = 2*maxRunBlocks + 8
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		log, store := newMemoryLog(), newMemoryHooks()
		b := startHooks(t, log, store, always(webhook.Done))
		hook := b.create(t, nil)
		time.Sleep(2 * cursorEvery)
		b.setState(t, hook.ID, HookPaused)
		for n := range uint64(blocks) {
			b.publishBatch(t, packer, &dataplane.Batch{
				Publisher: "edge-1/mapper", Class: dataplane.RT, Epoch: 1, First: n + 1, Messages: []dataplane.Message{testMessage("other")},
			})
		}
		b.stop()

		more := make(chan struct{})
		reads := 0
		log.read = func(_ context.Context, _ dataplane.Class) error {
			if reads++; reads > 1 {
				<-more
			}
			return nil
		}
		b = startHooks(t, log, store, always(webhook.Done))
		defer func() { b.stop() }()
		b.setState(t, hook.ID, HookActive)
		for _, want := range []uint64{blocks - maxRunBlocks, 0} {
			status, err := b.Status(hook.ID)
			if err != nil || status.LagRT != want || (status.oldest[0] == 0) != (want == 0) {
				t.Errorf("lag of %d blocks from %d on, %v, want %d", status.LagRT, status.oldest[0], err, want)
			}
			if want > 0 {
				close(more)
			}
			synctest.Wait()
		}
	})
}
