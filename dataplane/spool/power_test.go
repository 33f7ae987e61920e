package spool

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
)

// TestDiskPowerLoss lets the power fail at any time, again and again: with
// always nothing is lost, with 1s nothing that is older than that; what is lost
// is a gap, or behind an end that is not called certain. No number is given
// twice.
func TestDiskPowerLoss(t *testing.T) {
	for name, sync := range map[string]Sync{"always": SyncAlways, "1s": SyncSecond, "none": SyncNone} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(20) {
				synctest.Test(t, func(t *testing.T) {
					l := &losses{
						edge: newEdge(t, Storage{Sync: sync, MaxBytes: 256 << 10}), rng: rand.New(rand.NewPCG(seed, 1)),
						at: map[dataplane.ID]time.Time{}, seqs: map[string]uint64{},
					}
					for range 6 {
						l.publish()
						l.unplug(sync)
					}
					l.close()
				})
			}
		})
	}
}

// losses is an edge of which the power fails.
type losses struct {
	*edge
	rng  *rand.Rand
	at   map[dataplane.ID]time.Time // when it was accepted
	seqs map[string]uint64          // the last one of each device
}

// publish publishes for some seconds, and holds the numbers to rise.
func (l *losses) publish() {
	for range 40 {
		before := len(l.accepted[dataplane.RT])
		l.add(dataplane.RT, 1+l.rng.IntN(5))
		for _, m := range l.accepted[dataplane.RT][before:] {
			if !l.at[m.ID].IsZero() || m.Seq <= l.seqs[m.Device] {
				l.t.Fatalf("%v, %d of %s behind %d", m.ID, m.Seq, m.Device, l.seqs[m.Device])
			}
			l.at[m.ID], l.seqs[m.Device] = time.Now(), m.Seq
		}
		time.Sleep(time.Duration(l.rng.IntN(200)) * time.Millisecond)
	}
}

// unplug lets the power fail, and goes through what is left.
func (l *losses) unplug(sync Sync) {
	lost := time.Now()
	l.unplugged(l.rng)
	got, gaps := split(l.after(dataplane.RT, dataplane.Mark{}))
	next := 0
	for _, m := range l.accepted[dataplane.RT] {
		switch {
		case next < len(got) && got[next] == m:
			if inGap(m, gaps) {
				l.t.Errorf("%v is there and in a gap", m.ID)
			}
			next++
			continue
		case sync == SyncAlways, sync == SyncSecond && lost.Sub(l.at[m.ID]) > syncEvery:
			l.t.Errorf("%v is missing, which was accepted %v before the power loss", m.ID, lost.Sub(l.at[m.ID]))
		}
		if last, unsure := l.Lane(dataplane.RT).Ended(m.ID.Epoch); unsure == "" || m.ID.Seq <= last && !inGap(m, gaps) {
			l.t.Errorf("%v is missing, and neither in a gap nor behind an end that is not certain", m.ID)
		}
	}
	if next != len(got) {
		l.t.Fatalf("record %d of %d is %v, which comes again or from nowhere", next, len(got), got[next].ID)
	}
	l.accepted[dataplane.RT] = got
}

func inGap(m dataplane.Message, gaps []*dataplane.Gap) bool {
	for _, g := range gaps {
		if g.Epoch == m.ID.Epoch && g.From <= m.ID.Seq && m.ID.Seq <= g.To {
			return true
		}
	}
	return false
}

// TestDiskNumbersRiseThoughTheClockDoesNot sets the clock back at each start.
func TestDiskNumbersRiseThoughTheClockDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, Storage{Sync: SyncAlways})
		for i := range 6 {
			e.options.Now = func() time.Time { return time.Unix(int64(1000-i), 0) }
			if i%2 == 0 {
				e.restarted()
			} else {
				e.unplugged(rand.New(rand.NewPCG(uint64(i), 1)))
			}
			e.add(dataplane.RT, 4)
		}
		e.holds(dataplane.RT, dataplane.Mark{})
		all := e.accepted[dataplane.RT]
		for i := 2; i < len(all); i++ {
			if all[i].Seq <= all[i-2].Seq {
				t.Errorf("%d of %s follows %d", all[i].Seq, all[i].Device, all[i-2].Seq)
			}
		}
		e.close()
	})
}
