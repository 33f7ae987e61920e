package cloudsvc

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

// ofClass answers what is of a class as it is told, and takes all else.
func ofClass(class dataplane.Class, v webhook.Verdict) func(int, *webhook.Request) webhook.Outcome {
	return func(_ int, r *webhook.Request) webhook.Outcome {
		if bytes.Contains(r.Body, fmt.Appendf(nil, `"class":"%v"`, class)) {
			return webhook.Outcome{Verdict: v, Reason: "as the test wants", RetryAfter: time.Hour}
		}
		return webhook.Outcome{Verdict: webhook.Done}
	}
}

// A receiver that takes nothing of one class has all of the other, however much
// of the first waits.
func TestClassesDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	for _, stuck := range dataplane.Classes {
		synctest.Test(t, func(t *testing.T) {
			packer := newTestPacker(t)
			b := startHooks(t, newMemoryLog(), newMemoryHooks(), ofClass(stuck, webhook.Retry))
			defer b.stop()
			hook := b.create(t, nil)
			for range 2 * maxOutbox {
				b.publishOf(t, packer, stuck, "a")
			}
			synctest.Wait()
			free := dataplane.RT
			if stuck == dataplane.RT {
				free = dataplane.BT
			}
			b.publishOf(t, packer, free, "b", "b")
			time.Sleep(10 * time.Second)
			if _, took := b.receiver.all(); len(took) == 0 {
				t.Errorf("nothing of %v came, as %v is stuck", free, stuck)
			}
			status, err := b.Status(hook.ID)
			if err != nil || status.LagRT > 0 == (free == dataplane.RT) || status.LagBT > 0 == (free == dataplane.BT) {
				t.Errorf("status %+v, %v, want that only %v lags", status, err, stuck)
			}
		})
	}
}

// Where both classes have something to try all the time, BT has every eighth try.
func TestClassesTakeTurns(t *testing.T) {
	t.Parallel()
	r := &hookRun{}
	for i, class := range dataplane.Classes {
		r.lanes[i] = &hookLane{class: class, outbox: newOutbox(Position{}, class)}
		r.lanes[i].outbox.add(testLetter(1, "a"))
	}
	var turns []dataplane.Class
	for range 2 * turnsBT {
		from, _, _ := r.due(testTime)
		turns = append(turns, from.class)
	}
	once := append(slices.Repeat([]dataplane.Class{dataplane.RT}, turnsBT-1), dataplane.BT)
	if want := slices.Repeat(once, 2); !slices.Equal(turns, want) {
		t.Errorf("turns %v, want %v", turns, want)
	}
}

// A hook whose receiver takes nothing leaves the live stream, and holds little.
func TestStuckHookGoesOnFromTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		packer := newTestPacker(t)
		log := newMemoryLog()
		b := startHooks(t, log, newMemoryHooks(), always(webhook.Retry))
		defer b.stop()
		hook := b.create(t, nil)
		const size = 64 << 10
		for n := range uint64(4 * hookQueue / size) {
			m := testMessage("sensor/a")
			m.Class, m.Value = dataplane.BT, dataplane.StringValue(strings.Repeat("x", size))
			b.publishBatch(t, packer, &dataplane.Batch{
				Publisher: "edge-1/mapper", Class: dataplane.BT, Epoch: 1, First: n + 1, Messages: []dataplane.Message{m},
			})
			synctest.Wait()
		}
		bt := b.hooks[hook.ID].run.lanes[1]
		held := 0
		for _, text := range bt.pending {
			held += len(text)
		}
		if d := b.options.Dispatcher; held > hookQueue || len(d.topics[dataplane.BT].match("sensor/a", nil)) > 0 {
			t.Errorf("%d bytes are held, and the lane is live; want %d at most, and that it reads the log", held, hookQueue)
		}
	})
}

// Hooks that nothing matches move on together: each record of their cursors is
// written once in restTime, however many there are, or twice where the one who
// writes comes in between.
func TestRestIsWrittenOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		packer := newTestPacker(t)
		store := newMemoryHooks()
		b := startHooks(t, newMemoryLog(), store, always(webhook.Done))
		defer b.stop()
		for range 4 * cursorPartitions {
			b.create(t, func(h *Hook) { h.Topic = "alarm/#" })
		}
		saves := func() int {
			for range restTime / time.Second {
				b.publish(t, packer, "a")
				time.Sleep(time.Second)
			}
			store.mu.Lock()
			defer store.mu.Unlock()
			defer func() { store.saves = 0 }()
			return store.saves
		}
		saves() // as they began
		if n := saves(); n < cursorPartitions/2 || n > cursorPartitions*3/2 {
			t.Errorf("%d records are written in %v, want each of %d once", n, restTime, cursorPartitions)
		}
	})
}

// The rests of a hook are restTime apart, whenever it begins.
func TestNextRest(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"sub_a", "sub_b", "sub_c"} {
		rest := nextRest(id, testTime)
		for _, begin := range []time.Duration{0, 1, restTime - 1} {
			if got, want := nextRest(id, rest.Add(begin)), rest.Add(restTime); !got.Equal(want) {
				t.Errorf("%s: the rest %v behind %v is at %v, want %v", id, begin, rest, got, want)
			}
		}
	}
}
