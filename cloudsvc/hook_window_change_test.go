package cloudsvc

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A window that is changed begins with what was open.
func TestWindowChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		packer := newTestPacker(t)
		receiver := newWindowReceiver(1)
		b := startHooksTo(t, newMemoryLog(), newMemoryHooks(), receiver)
		defer b.stop()
		hook := b.create(t, func(h *Hook) { h.Window = windowSpec(time.Minute) })
		for _, behind := range []time.Duration{0, time.Second, 61 * time.Second, 80 * time.Second, 90 * time.Second} {
			b.sendBT(t, packer, "edge-1/mapper", behind)
		}
		time.Sleep(time.Minute)
		_, err := b.Change(t.Context(), hook.ID, func(h *Hook) error {
			h.Window = windowSpec(time.Minute)
			h.Window.Size, h.Window.Slide = time.Hour, time.Hour
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // else the old one may be closing
		b.sendBT(t, packer, "edge-1/mapper", 2*time.Hour)
		time.Sleep(time.Minute)
		if got := receiver.counts(t); !slices.Equal(got, []int{2, 3}) {
			t.Errorf("counts %v, want 2 of the first minute, and 3 of the rest of the hour", got)
		}
	})
}

// What was delivered as windows is not delivered again as batches, nor is what was
// delivered as batches reduced: either goes on where the other was, with what was
// in windows that were open.
func TestWindowsComeAndGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		packer := newTestPacker(t)
		receiver := newWindowReceiver(1)
		log, store := newMemoryLog(), newMemoryHooks()
		b := startHooksTo(t, log, store, receiver)
		hook := b.create(t, func(h *Hook) { h.Window = windowSpec(time.Minute) })
		restart := func() {
			store = store.clone()
			b.stop()
			next := b.next
			b = startHooksTo(t, log, store, receiver)
			b.next = next
		}
		minute := 0
		for _, step := range []struct {
			windows bool
			send    int    // messages, a minute after another
			want    string // batches and windows that came, by the messages in each
		}{
			{true, 4, "win_1 win_1"}, // 2 are open
			{false, 1, "bat_3"},
			{false, 1, "bat_1"},
			{true, 3, "win_1"}, // 2 are open
			{true, 1, "win_1"},
			{false, 2, "bat_4"},
			{true, 3, "win_1"},
		} {
			for _, restarts := range []bool{false, true} {
				if restarts {
					time.Sleep(2 * cursorEvery)
					restart()
					time.Sleep(time.Minute)
					if got := receiver.news(t); got != "" {
						t.Errorf("minute %d: %s after a restart, want nothing twice", minute, got)
					}
					continue
				}
				_, err := b.Change(t.Context(), hook.ID, func(h *Hook) error {
					h.Window = nil
					if step.windows {
						h.Window = windowSpec(time.Minute)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second) // else windows may close still
				for range step.send {
					b.sendBT(t, packer, "edge-1/mapper", time.Duration(minute)*time.Minute)
					minute++
				}
				time.Sleep(time.Minute)
				if got := receiver.news(t); got != step.want {
					t.Errorf("minute %d: %s, want %s", minute, got, step.want)
				}
			}
		}
		b.stop()
	})
}
