package cloudsvc

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/window"
)

// The last window of a machine that is switched off comes when it has been silent
// for long, once, and nothing of it is read again; also where the disk fails then,
// or cloudsvc is killed at the moment at which it is stored.
func TestWindowsOfTheSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		packer := newTestPacker(t)
		receiver := newWindowReceiver(1)
		log, store := newMemoryLog(), newMemoryHooks()
		b := startHooksTo(t, log, store, receiver)
		hook := b.create(t, func(h *Hook) { h.Window = windowSpec(time.Minute) })
		for range 3 {
			b.sendBT(t, packer, "edge-1/mapper", 0)
		}
		time.Sleep(9 * time.Minute)
		b.sendBT(t, packer, "edge-2/mapper", 0)
		if got := receiver.counts(t); len(got) > 0 {
			t.Fatalf("counts %v before the time is over", got)
		}
		time.Sleep(3 * time.Minute)
		if got := receiver.counts(t); !slices.Equal(got, []int{3}) {
			t.Fatalf("counts %v, want the window of edge-1", got)
		}
		b.sendBT(t, packer, "edge-1/mapper", time.Second) // late
		next := b.next
		store = store.clone()
		b.stop()
		b = startHooksTo(t, log, store, receiver)
		b.next = next
		time.Sleep(9 * time.Minute)
		if got := receiver.counts(t); !slices.Equal(got, []int{3}) {
			t.Fatalf("counts %v, want no more: the time begins anew", got)
		}
		store.failNext(40)
		time.Sleep(time.Hour)
		if got := receiver.counts(t); !slices.Equal(got, []int{3, 1}) {
			t.Fatalf("counts %v, want the window of edge-2, too", got)
		}
		b.stop()
		state, _, ok := readWindowRecord(store.windows[hook.ID])
		if !ok {
			t.Fatal("there is no record")
		}
		if from, err := window.StateFrom(state); err != nil || from.Block < 5 {
			t.Errorf("read again from %v, %v, want behind all", from, err)
		}
	})
}

func TestSilence(t *testing.T) {
	t.Parallel()
	s := silence{limit: 16 * time.Minute}
	for minute := range 40 {
		since, known := s.pass(window.Place{Block: uint64(minute + 1)}, testTime.Add(time.Duration(minute)*time.Minute))
		if want := uint64(max(minute-16, 0) + 1); known != (minute >= 16) || since.Block != want {
			t.Errorf("minute %d: since block %d, %v, want %d", minute, since.Block, known, want)
		}
	}
	if len(s.marks) > silenceMarks+1 {
		t.Errorf("%d marks", len(s.marks))
	}
	var never silence
	if _, known := never.pass(window.Place{Block: 1}, testTime); known {
		t.Error("there is no limit")
	}
}

// What is in windows that are open is read again: it is at risk though all up to
// the position is done.
func TestWindowsAtRisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := startHooksTo(t, newMemoryLog(), newMemoryHooks(), newWindowReceiver(1))
		defer b.stop()
		hook := b.create(t, func(h *Hook) { h.Window = windowSpec(time.Minute) })
		b.sendBT(t, newTestPacker(t), "edge-1/mapper", 0)
		for _, tt := range []struct {
			after time.Duration
			want  string
		}{{2 * time.Minute, "up to 1 BT blocks of the log"}, {20 * time.Minute, ""}} {
			time.Sleep(tt.after)
			b.warn(doomedBlocks{{}, {0: 1}})
			if s, err := b.Status(hook.ID); err != nil || !strings.HasPrefix(s.Warning, tt.want) || (tt.want == "") != (s.Warning == "") {
				t.Errorf("after %v: warning %q, %v, want %q", tt.after, s.Warning, err, tt.want)
			}
		}
	})
}
