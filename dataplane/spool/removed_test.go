package spool

import (
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
