package spool

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
)

// openBlind opens the spool where the disk does not answer until ready is called.
func (e *edge) openBlind() (ready func()) {
	e.t.Helper()
	gate := make(chan struct{})
	begin := time.Now()
	s, err := open(e.options, func() (folder, error) {
		<-gate
		return e.ram, nil
	}, e.boot)
	if err != nil {
		e.t.Fatal(err)
	}
	if took := time.Since(begin); took > openWait {
		e.t.Errorf("opening takes %v: want %v at most", took, openWait)
	}
	e.Spool = s
	e.hasFault(errSilent)
	return func() {
		close(gate)
		time.Sleep(3 * time.Second)
	}
}

// die starts nothing after a SIGKILL.
func (e *edge) die() {
	left := e.ram.kill()
	e.end()
	e.ram = left
}

// TestDiskTurnsUpBeforeTheCloud: all is sent in the order and under the ids in
// which it was accepted.
func TestDiskTurnsUpBeforeTheCloud(t *testing.T) {
	for name, back := range map[string]time.Duration{"": 0, "and the clock was set back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEdge(t, Storage{})
				id := e.ID()
				e.add(dataplane.RT, 5)
				e.restarted()
				e.add(dataplane.RT, 5)
				e.add(dataplane.BT, 5)
				e.die()
				e.options.Now = func() time.Time { return time.Now().Add(back) }
				ready := e.openBlind()
				e.add(dataplane.RT, 5)
				got, _ := split(e.after(dataplane.RT, dataplane.Mark{}))
				same(t, got, e.accepted[dataplane.RT][10:])
				ready()
				e.hasFault(nil)
				if e.ID() != id {
					t.Error("the spool's id has changed")
				}
				for range 2 {
					e.add(dataplane.RT, 5)
					for _, c := range dataplane.Classes {
						e.hasValues(c, dataplane.Mark{}, 0, back == 0)
					}
					e.killed()
				}
				e.close()
			})
		})
	}
}

// hasValues checks that all that was accepted from the n-th record on is there
// behind a mark, once and in order, in epochs that rise; under the same ids too
// where that is wanted.
func (e *edge) hasValues(c dataplane.Class, after dataplane.Mark, n int, ids bool) {
	e.t.Helper()
	want := e.accepted[c][n:]
	got, gaps := split(e.after(c, after))
	if len(got) != len(want) || len(gaps) > 0 {
		e.t.Fatalf("%v: %d records and %d gaps: want %d records", c, len(got), len(gaps), len(want))
	}
	for i := range got {
		if got[i].Value != want[i].Value || ids && got[i].ID != want[i].ID {
			e.t.Fatalf("%v: record %d is %v of %v: want %v of %v", c, i, got[i].Value, got[i].ID, want[i].Value, want[i].ID)
		}
	}
}

// TestDiskTurnsUpBehindTheCloud: what the disk holds follows what was sent
// meanwhile, but for what the cloud had; also after a SIGKILL at any time.
func TestDiskTurnsUpBehindTheCloud(t *testing.T) {
	for name, killed := range map[string]bool{"": false, "and it is killed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEdge(t, Storage{})
				e.add(dataplane.RT, 3)
				e.restarted()
				e.add(dataplane.RT, 7)
				had := dataplane.Mark{Epoch: e.last(dataplane.RT).Epoch, Seq: 4} // its answer was lost
				e.die()
				ready := e.openBlind()
				e.add(dataplane.RT, 6)
				rt, bt := e.Lane(dataplane.RT), e.Lane(dataplane.BT)
				rt.Release(had)
				sent, _ := rt.Next(had, 4, all)
				e.add(dataplane.RT, 2)
				ready()
				if why := e.Fault().Why; why == nil || bt.Left(dataplane.Mark{}) == 0 {
					t.Fatalf("the cloud has not told what it has of BT, and need not: %v", why)
				}
				bt.Release(dataplane.Mark{})
				time.Sleep(2 * time.Second)
				e.hasFault(nil)
				if killed {
					e.killed()
				}
				e.add(dataplane.RT, 2)
				old, since := e.accepted[dataplane.RT][7:10], e.accepted[dataplane.RT][10:18]
				e.accepted[dataplane.RT] = slices.Concat(since, old, e.accepted[dataplane.RT][18:])
				e.hasValues(dataplane.RT, had, 0, false)
				e.hasValues(dataplane.RT, item{batch: sent}.mark(), 4, false)
				e.killed()
				e.hasValues(dataplane.RT, item{batch: sent}.mark(), 4, false)
				e.close()
			})
		})
	}
}

// TestDiskErrsAtTheStart: it is tried again, and a file that cannot be read does
// not keep the others from being sent.
func TestDiskErrsAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, Storage{})
		e.add(dataplane.RT, 5)
		e.restarted()
		e.add(dataplane.RT, 5)
		names, _ := e.ram.names()
		bad := names[slices.IndexFunc(names, func(name string) bool { n, _ := parseSegmentName(name); return n.lane == dataplane.RT })]
		e.die()
		e.ram.unreadable = bad
		e.open()
		e.hasFault(syscall.EIO)
		e.add(dataplane.RT, 5)
		time.Sleep(readTries * 2 * retryOpen)
		e.hasFault(nil)
		e.add(dataplane.RT, 5)
		e.hasValues(dataplane.RT, dataplane.Mark{Epoch: e.accepted[dataplane.RT][0].ID.Epoch, Seq: 5}, 5, true)
		e.close()
	})
}

// TestDiskNeverAnswers: what is published is sent, and Close does not wait.
func TestDiskNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &edge{t: t, ram: newRAM(), options: Options{Publisher: "edge-1/mapper", Storage: Storage{Dir: "ram", MaxBytes: 1 << 20}, Now: time.Now}}
		ready := e.openBlind()
		e.add(dataplane.RT, 5)
		e.holds(dataplane.RT, dataplane.Mark{})
		if err := e.Close(); !errors.Is(err, errSilent) {
			t.Errorf("closed with %v: want that 5 records were not written", err)
		}
		ready()
	})
}
