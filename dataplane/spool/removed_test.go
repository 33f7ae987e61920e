package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
)

// TestSegmentIsRemoved takes a file away from under the spool: what it held is
// told by series, and what is behind it comes.
func TestSegmentIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, Storage{MaxBytes: 128 << 10})
		for range 20 {
			e.add(dataplane.BT, 20)
		}
		e.restarted() // else all is in memory
		segments := e.lanes[dataplane.BT].segments
		gone, behind := segments[1], segments[2].first
		if err := e.ram.remove(gone.name); err != nil {
			t.Fatal(err)
		}
		lane := e.Lane(dataplane.BT)
		mark := dataplane.Mark{Epoch: gone.epoch, Seq: gone.first - 1}
		if batch, gap := lane.Next(mark, 100, all); batch != nil || gap != nil {
			t.Fatalf("behind %v: %v and %v: want nothing at first", mark, batch, gap)
		}
		time.Sleep((readTries + 1) * retryRead)
		_, gap := lane.Next(mark, 100, all)
		if gap == nil || gap.From != gone.first || gap.To != behind-1 {
			t.Fatalf("behind %v: %+v: want a gap of %d-%d", mark, gap, gone.first, behind-1)
		}
		lost := uint64(0)
		for _, s := range gap.Series {
			lost += s.Count
		}
		if want := behind - gone.first; lost != want || len(gap.Series) != 2 {
			t.Errorf("the gap has %d records of %d series: want %d of 2", lost, len(gap.Series), want)
		}
		e.holds(dataplane.BT, dataplane.Mark{Epoch: gone.epoch, Seq: gone.last})
		e.close()
	})
}

// TestFolderIsRemoved takes the folder away from under the spool, and puts
// another in its place: what was accepted is in the folder when it is well again.
func TestFolderIsRemoved(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "spool")
	o := Options{Publisher: "edge-1/mapper", Storage: Storage{Dir: dir, MaxBytes: 1 << 20}, Now: time.Now}
	open := func() *edge {
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		return &edge{t: t, Spool: s}
	}
	e := open()
	e.add(dataplane.RT, 10)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	e.failed(1)
	e.mended()
	e.add(dataplane.RT, 10)
	aside := dir + ".aside"
	if err := os.Rename(dir, aside); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	e.failed(2)
	e.add(dataplane.RT, 10)
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 || e.Fault().Why == nil {
		t.Errorf("the folder in its place has %v (%v), and the fault is %v: want nothing, and a fault", names, err, e.Fault())
	}
	if err := syscall.Rename(aside, dir); err != nil { // at once, where os.Rename does not replace a folder
		t.Fatal(err)
	}
	e.mended()
	e.close()
	e = open()
	if got := e.Stats(dataplane.RT).Held.Records; got != 30 {
		t.Errorf("%d are held: want 30", got)
	}
	e.close()
}

// failed waits until the disk has failed so many times.
func (e *edge) failed(times uint64) {
	e.t.Helper()
	e.eventually(fmt.Sprintf("%d faults", times), func(f Fault) bool { return f.Times >= times })
}
