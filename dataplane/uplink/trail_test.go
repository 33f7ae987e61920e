package uplink

import (
	"testing"
	"time"

	"datastub/dataplane"
)

func TestTrailIsShortHoweverMuchIsStored(t *testing.T) {
	t.Parallel()
	const lag, every = 2 * time.Minute, time.Second / 2000
	trail := trail{lag: lag}
	lanes := make([]laneState, 3)
	now, stored := time.Unix(0, 0), make(map[uint64]time.Time)
	most, last := 0, uint64(0)
	for seq := uint64(1); now.Before(time.Unix(300, 0)); seq++ {
		stored[seq] = now
		trail.add(&lanes[seq%3], dataplane.Mark{Epoch: 1, Seq: seq}, now)
		for marks := trail.next(now); marks != nil; marks = trail.next(now) {
			for _, m := range marks {
				if age := now.Sub(stored[m.Seq]); age < lag {
					t.Fatalf("record %d is durable after %v: want %v", m.Seq, age, lag)
				}
				last = max(last, m.Seq)
			}
		}
		most = max(most, len(trail.steps))
		now = now.Add(every)
	}
	if most > trailSteps+2 {
		t.Errorf("trail had %d steps: want at most %d", most, trailSteps+2)
	}
	if late := now.Sub(stored[last]); late > lag+2*lag/trailSteps {
		t.Errorf("the last record that is durable was stored %v ago: want %v at most", late, lag+2*lag/trailSteps)
	}
}
