package cloudsvc

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

// lateReceiver is a testReceiver that takes its time with each try.
type lateReceiver struct {
	testReceiver
	takes time.Duration
}

func (r *lateReceiver) Send(ctx context.Context, q *webhook.Request) (webhook.Outcome, error) {
	select {
	case <-time.After(r.takes):
		return r.testReceiver.Send(ctx, q)
	case <-ctx.Done():
		return webhook.Outcome{}, ctx.Err()
	}
}

// What is being tried when hooks end has a time of grace to end, too, and is not
// sent again if it did. What takes longer is broken off.
func TestStopWaitsForWhatIsTried(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	for _, test := range []struct {
		takes, stops time.Duration
		again        []string
	}{
		{graceTime - time.Second, graceTime - time.Second, []string{"a 3"}},
		{webhook.TryTime, graceTime, []string{"a 1", "a 3", "b 2"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			log, store := newMemoryLog(), newMemoryHooks()
			receiver := &lateReceiver{testReceiver{answer: always(webhook.Done), began: time.Now()}, test.takes}
			b := startHooksTo(t, log, store, receiver)
			b.create(t, func(h *Hook) { h.MaxInFlight = 8 })
			b.publish(t, packer, "a", "b", "a")
			synctest.Wait()
			began := time.Now()
			b.stop()
			if took := time.Since(began); took != test.stops {
				t.Errorf("it takes %v to stop, want %v", took, test.stops)
			}
			b = startHooks(t, log, store, always(webhook.Done))
			defer b.stop()
			time.Sleep(time.Minute)
			wantTook(t, b, test.again...)
		})
	}
}

// A pause waits for what is being tried, too, and so does what comes behind it.
func TestPauseWaitsForWhatIsTried(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		receiver := &lateReceiver{testReceiver{answer: always(webhook.Done), began: time.Now()}, time.Second}
		b := startHooksTo(t, newMemoryLog(), newMemoryHooks(), receiver)
		defer b.stop()
		hook := b.create(t, nil)
		b.publish(t, packer, "a", "a")
		synctest.Wait()
		b.setState(t, hook.ID, HookPaused)
		b.setState(t, hook.ID, HookActive)
		time.Sleep(time.Minute)
		tries, _ := receiver.all()
		wantTexts(t, "tries", tries, "a 1 at 1s", "a 2 at 2s")
	})
}

// A new key signs the next try: what is on its way goes on, however long it takes.
func TestRotateRepeatsNothing(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		receiver := &lateReceiver{testReceiver{answer: always(webhook.Done), began: time.Now()}, 2 * graceTime}
		b := startHooksTo(t, newMemoryLog(), newMemoryHooks(), receiver)
		defer b.stop()
		hook := b.create(t, nil)
		b.publish(t, packer, "a", "a")
		synctest.Wait()
		if _, err := b.Rotate(t.Context(), hook.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		tries, _ := receiver.all()
		wantTexts(t, "tries", tries, "a 1 at 6s", "a 2 at 12s")
	})
}

// However many are done behind one that is stuck, a restart sends none of them
// again, and neither does the next one. After a crash these are what was done
// within a second.
func TestRestartKnowsWhatIsDone(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		log, store := newMemoryLog(), newMemoryHooks()
		stuck := func(_ int, r *webhook.Request) webhook.Outcome {
			if bytes.Contains(r.Body, []byte(`"device":"bad"`)) {
				return webhook.Outcome{Verdict: webhook.Later, Status: 429, RetryAfter: time.Second, Reason: "answered 429"}
			}
			return webhook.Outcome{Verdict: webhook.Done}
		}
		b := startHooks(t, log, store, stuck)
		b.create(t, func(h *Hook) { h.MaxInFlight = 8 })
		b.publish(t, packer, "bad", "good", "bad", "good")
		wantNext := func(want ...string) {
			t.Helper()
			time.Sleep(2500 * time.Millisecond)
			wantTook(t, b, want...)
		}
		restart := func() {
			next := b.next
			b = startHooks(t, log, store, stuck)
			b.next = next
		}
		wantNext("good 2", "good 4")
		b.stop()
		restart()
		wantNext()
		b.publish(t, packer, "good", "fine")
		wantNext("fine 6", "good 5")
		b.stop()
		store.mu.Lock()
		crashed := store.cursors[partitionOf(b.List()[0].ID)]
		store.mu.Unlock()
		restart()
		b.publish(t, packer, "good")
		wantNext("good 7")
		b.stop()
		store.mu.Lock()
		store.cursors[partitionOf(b.List()[0].ID)] = crashed // before good 7
		store.mu.Unlock()
		restart()
		wantNext("good 7")
		b.stop()
		b = startHooks(t, log, store, always(webhook.Done))
		wantNext("bad 1", "bad 3")
		var many []string
		for range maxOutbox {
			many = append(many, "good")
		}
		b.next = 8
		b.publish(t, packer, many...)
		time.Sleep(time.Second)
		b.stop()
		for _, kept := range b.hooks {
			if kept.cursor.RT.Done != nil || kept.cursor.RT.Tries != nil {
				t.Errorf("cursor %+v when all is done, want a position only", kept.cursor.RT)
			}
		}
	})
}

// wantTook checks what a receiver took, in any order.
func wantTook(t *testing.T, b *hooksBench, want ...string) {
	t.Helper()
	_, took := b.receiver.all()
	slices.Sort(took)
	wantTexts(t, "took", took, want...)
}

// A run that stops again before it has seen all that the one before was done with
// hands that on.
func TestDoneIsHandedOn(t *testing.T) {
	t.Parallel()
	var c laneCursor
	c.Position = Position{Incarnation: 7}.String()
	for n := range 3 {
		c.Done.add(fmt.Sprint("edge-1/mapper/RT/1/", n+2))
	}
	run := &hookRun{hooks: &Hooks{wake: make(chan struct{}, 1)}}
	for made := range 5 {
		l, err := newHookLane(run, dataplane.RT, dataplane.Filter{}, c)
		if err != nil {
			t.Fatal(err)
		}
		for n := range made {
			one := testLetter(n, fmt.Sprint(n))
			one.id = fmt.Sprint("edge-1/mapper/RT/1/", n+1)
			l.add(one)
		}
		got, _ := l.cursor()
		for n, want := range []bool{false, true, true, true, false} {
			if id := fmt.Sprint("edge-1/mapper/RT/1/", n+1); got.Done.has(id) != want {
				t.Errorf("after %d letters, %s is done: %v, want %v", made, id, !want, want)
			}
		}
		if spans := got.Done["edge-1/mapper/RT/1/"]; len(spans) != 1 {
			t.Errorf("after %d letters, done %v, want one span", made, spans)
		}
	}
}
