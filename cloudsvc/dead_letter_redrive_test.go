package cloudsvc

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

// answerAs has the receiver answer otherwise.
func (b *hooksBench) answerAs(answer func(int, *webhook.Request) webhook.Outcome) {
	b.receiver.mu.Lock()
	defer b.receiver.mu.Unlock()
	b.receiver.answer = answer
}

// killLetters makes dead letters of messages of some devices.
func (b *hooksBench) killLetters(t *testing.T, packer *dataplane.Packer, devices ...string) []KeptLetter {
	t.Helper()
	b.publish(t, packer, devices...)
	synctest.Wait()
	letters := b.store.buried()
	if len(letters) != len(devices) {
		t.Fatalf("%d dead letters, want %d", len(letters), len(devices))
	}
	return letters
}

func TestRedrive(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Refused))
		defer b.stop()
		b.create(t, nil)
		was := b.killLetters(t, packer, "a")[0]
		time.Sleep(time.Hour)
		delivered, kept, err := b.Redrive(t.Context(), was.ID)
		if err != nil || delivered || kept.Tries != 2 || kept.Last.Sub(was.Last) != time.Hour || kept.First != was.First {
			t.Fatalf("delivered %v, %+v, %v, want one try more", delivered, kept, err)
		}
		if letters := b.store.buried(); len(letters) != 1 || letters[0].Tries != 2 || letters[0].ID != was.ID {
			t.Errorf("%+v, want the one letter with two tries", letters)
		}
		var sent webhook.Request
		b.answerAs(func(_ int, r *webhook.Request) webhook.Outcome {
			sent = *r
			return webhook.Outcome{Verdict: webhook.Done}
		})
		if delivered, _, err = b.Redrive(t.Context(), was.ID); err != nil || !delivered {
			t.Fatalf("delivered %v, %v", delivered, err)
		}
		if !sent.Redriven || sent.ID != webhookID(was.MessageID) || string(sent.Body) != string(was.Message) || len(sent.Keys) != 1 {
			t.Errorf("sent %+v", sent)
		}
		if letters := b.store.buried(); len(letters) != 0 {
			t.Errorf("%d dead letters are left", len(letters))
		}
		if _, _, err := b.Redrive(t.Context(), was.ID); !errors.Is(err, ErrNoSuchLetter) {
			t.Errorf("again: %v, want %v", err, ErrNoSuchLetter)
		}
	})
}

func TestRedriveOfOneAtOnceIsOne(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Refused))
		defer b.stop()
		b.create(t, func(h *Hook) { h.MaxRate = 1 })
		id := b.killLetters(t, packer, "a")[0].ID
		b.answerAs(always(webhook.Done))
		var group sync.WaitGroup
		results := make([]error, 2)
		for i := range results {
			group.Go(func() { _, _, results[i] = b.Redrive(t.Context(), id) })
		}
		group.Wait()
		if err := errors.Join(results...); !errors.Is(err, ErrRedriven) || results[0] != nil && results[1] != nil {
			t.Errorf("%v, want one %v", results, ErrRedriven)
		}
		if tries, _ := b.receiver.all(); len(tries) != 2 {
			t.Errorf("%d tries, want 2", len(tries))
		}
	})
}

func TestRedriveNeedsItsSubscription(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Refused))
		defer b.stop()
		hook := b.create(t, nil)
		id := b.killLetters(t, packer, "a")[0].ID
		redrive := func(want error) {
			t.Helper()
			if _, _, err := b.Redrive(t.Context(), id); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
			if err := b.RedriveAll(hook.ID); !errors.Is(err, want) {
				t.Errorf("all: %v, want %v", err, want)
			}
		}
		if _, err := b.Change(t.Context(), hook.ID, func(h *Hook) error { h.State = HookPaused; return nil }); err != nil {
			t.Fatal(err)
		}
		redrive(ErrHookInactive)
		if err := b.Delete(t.Context(), hook.ID); err != nil {
			t.Fatal(err)
		}
		redrive(ErrHookGone)
		if n := len(b.store.buried()); n != 1 {
			t.Errorf("%d dead letters, want 1", n)
		}
	})
}

// TestRedriveKeepsToTheLimits has a message that waits for its receiver beside
// dead letters.
func TestRedriveKeepsToTheLimits(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Refused))
		defer b.stop()
		hook := b.create(t, func(h *Hook) { h.MaxRate = .1 })
		b.publish(t, packer, "a", "b")
		time.Sleep(time.Minute)
		b.answerAs(func(n int, _ *webhook.Request) webhook.Outcome {
			if n == 3 {
				return webhook.Outcome{Verdict: webhook.Later, RetryAfter: 100 * time.Second, Status: 429, Reason: "answered 429"}
			}
			return webhook.Outcome{Verdict: webhook.Done}
		})
		if err := b.RedriveAll(hook.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.publish(t, packer, "c", "d")
		time.Sleep(10 * time.Minute)
		tries, _ := b.receiver.all()
		wantTexts(t, "tries", tries, "a 1 at 0s", "b 2 at 10s", "a 1 at 1m0s", "b 2 at 2m40s", "c 3 at 2m50s", "d 4 at 3m0s")
		if letters := b.store.buried(); len(letters) != 1 || letters[0].Tries != 2 {
			t.Errorf("%+v, want the one of a, with two tries", letters)
		}
		if err := b.RedriveAll(hook.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := len(b.store.buried()); n != 0 {
			t.Errorf("%d dead letters are left", n)
		}
	})
}

// TestRedriveAllEnds has a receiver that fails: after ten letters the others are
// left alone, and none is tried twice.
func TestRedriveAllEnds(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Refused))
		defer b.stop()
		hook := b.create(t, nil)
		b.killLetters(t, packer, strings.Fields(strings.Repeat("a ", 15))...)
		for _, verdict := range []webhook.Verdict{webhook.Retry, webhook.Refused, webhook.Gone} {
			tries, _ := b.receiver.all()
			b.answerAs(always(verdict))
			time.Sleep(time.Second)
			if err := b.RedriveAll(hook.ID); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			now, _ := b.receiver.all()
			want := map[webhook.Verdict]int{webhook.Retry: maxRedriveFaults, webhook.Refused: 15, webhook.Gone: 1}[verdict]
			if got := len(now) - len(tries); got != want {
				t.Errorf("%v: %d tries, want %d", verdict, got, want)
			}
			if n := len(b.store.buried()); n != 15 {
				t.Errorf("%v: %d dead letters, want 15", verdict, n)
			}
		}
		if got, err := b.Get(hook.ID); err != nil || got.State != HookDisabled {
			t.Errorf("%v, %v, want it disabled", got.State, err)
		}
	})
}
