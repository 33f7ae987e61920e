package uplink

import (
	"time"

	"datastub/dataplane"
)

// trailSteps is how many steps a lag is told in: what is stored becomes
// durable a step later than it could at worst, and a trail holds one mark a
// lane and step, however much is stored.
const trailSteps = 8

// trail holds what is stored and not yet durable, oldest step first.
type trail struct {
	lag   time.Duration // how long what is stored needs to become durable
	steps []trailStep
}

// trailStep is what becomes durable at a time.
type trailStep struct {
	at    time.Time // zero: a lag after the first tick
	marks map[*laneState]dataplane.Mark
}

// add notes that a lane is stored up to a mark.
func (t *trail) add(l *laneState, mark dataplane.Mark, now time.Time) {
	n := len(t.steps)
	if n == 0 || now.Add(t.lag).After(t.steps[n-1].at) {
		at := now.Add(t.lag + t.lag/trailSteps)
		t.steps = append(t.steps, trailStep{at, make(map[*laneState]dataplane.Mark)})
		n++
	}
	t.steps[n-1].marks[l] = mark
}

// restore notes, before anything else, that a lane was found stored up to a
// mark.
func (t *trail) restore(l *laneState, mark dataplane.Mark) {
	if len(t.steps) == 0 {
		t.steps = append(t.steps, trailStep{marks: make(map[*laneState]dataplane.Mark)})
	}
	t.steps[0].marks[l] = mark
}

// next takes away and returns what has become durable, a step at a time, until
// there is none.
func (t *trail) next(now time.Time) map[*laneState]dataplane.Mark {
	if len(t.steps) == 0 {
		return nil
	}
	if t.steps[0].at.IsZero() {
		t.steps[0].at = now.Add(t.lag)
	}
	if t.steps[0].at.After(now) {
		return nil
	}
	marks := t.steps[0].marks
	t.steps = t.steps[1:]
	return marks
}
