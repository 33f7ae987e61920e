package uplink_test

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
)

// TestSpoolThatWasSetBack puts an old copy of a publisher's folder in the place
// of the new one: cloudsvc has more than the spool knows of. What is published
// from then on is not taken for what it had. Where the clock was set back, too,
// what waited in the copy comes again: nobody knows that it is not new.
func TestSpoolThatWasSetBack(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		clock time.Duration // how wrong it is behind the copy
		most  int           // times that a value comes from before
	}{
		"clock goes on":     {0, 1},
		"clock is set back": {-time.Hour, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, p := newQuietWorld(t)
				w.publish(p, 20)
				w.settle()
				w.publish(p, 20) // they wait in the copy
				copied := t.TempDir()
				if err := os.CopyFS(copied, os.DirFS(p.dir)); err != nil {
					t.Fatal(err)
				}
				w.settle()
				w.startIn(p, p.dir, 0)
				w.publish(p, 20)
				w.settle()

				before := p.current().accepted
				w.startIn(p, copied, tt.clock)
				w.publish(p, 20)
				w.settle()
				w.startIn(p, copied, 0)
				w.publish(p, 20)
				w.settle()
				w.wantValues(p, before, tt.most)
				w.close()
			})
		})
	}
}

// newQuietWorld returns a world of one publisher with a folder, in which
// nothing is disturbed.
func newQuietWorld(t *testing.T) (*world, *publisher) {
	w := newWorld(t, newPacker(t), 1)
	w.close() // the publishers that there are
	p := &publisher{name: "edge-9/mapper", dir: t.TempDir()}
	w.publishers, w.healed = []*publisher{p}, true
	w.start(p)
	return w, p
}

// settle lets a minute pass, in which all that was published is stored.
func (w *world) settle() {
	w.t.Helper()
	for range 600 {
		w.step(100 * time.Millisecond)
	}
	if !w.drained() {
		w.t.Fatal("not drained in a minute")
	}
}

// startIn starts a publisher anew in a folder, with a clock.
func (w *world) startIn(p *publisher, dir string, clock time.Duration) {
	for _, e := range p.current().lanes {
		e.link.cut = true
	}
	w.closeSpool(p)
	p.dir, p.clock = dir, clock
	w.start(p)
}

// wantValues fails unless each value that a publisher accepted is in the log:
// once, or some times at most where it was before.
func (w *world) wantValues(p *publisher, before [3][]dataplane.Message, most int) {
	w.t.Helper()
	got := make(map[dataplane.Value]int)
	for _, e := range w.log {
		if e.Gap != nil {
			w.t.Errorf("gap %+v", e.Gap)
		}
		for _, m := range e.Messages {
			got[m.Value]++
		}
	}
	for _, lane := range dataplane.Classes {
		for i, m := range p.current().accepted[lane] {
			n, most := got[m.Value], most
			if i >= len(before[lane]) {
				most = 1
			}
			if n < 1 || n > most {
				w.t.Errorf("%v %d is in the log %d times: want at most %d", lane, i, n, most)
			}
		}
	}
}
