package spool

import (
	"math"
	"slices"

	"datastub/dataplane"
)

// Rebase implements uplink.Queue. The oldest epoch of which anything is to be
// sent becomes the one above; those behind it keep their distance. Its records
// begin anew with 1, behind the hole if there is one there: what was before them
// is none of the cloud's, which has another spool's records in mind. Nor is what
// the cloud once had. Nothing is given away before the files are renamed: after
// a crash the same records would have other ids.
func (l *lane) Rebase(above uint64) (moved bool) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	if l.parked != nil {
		return false // in a moment
	}
	return l.rebase(above)
}

// rebase does it, with the spool's mutex held.
func (l *lane) rebase(above uint64) (moved bool) {
	moved = l.forgo()
	oldest := l.oldestLeft()
	if oldest > above {
		return moved // renumbered within an epoch, records would pass for others
	}
	epochs, shift := above+1-oldest, l.origin(oldest)-1
	l.ends.move(oldest, epochs, shift)
	for _, h := range l.holes {
		if h.epoch == oldest {
			h.move(epochs, shift)
		} else {
			h.move(epochs, 0)
		}
	}
	for _, s := range l.segments {
		if s.epoch == oldest {
			s.shift(shift)
		}
		s.epoch += epochs
	}
	if l.epoch == oldest {
		l.first -= shift
		l.ready -= shift
		l.written -= min(shift, l.written)
	}
	l.epoch += epochs
	l.spool.top = max(l.spool.top, l.epoch)
	l.handed, l.released = dataplane.Mark{}, dataplane.Mark{Epoch: above}
	l.backlog.clear()
	l.renaming = l.misnamed()
	l.spool.nudgeUpkeep()
	return true
}

// oldestLeft returns the oldest epoch of which anything is to be sent, a hole
// at least, or else the last.
func (l *lane) oldestLeft() uint64 {
	oldest := l.epoch
	for _, s := range l.segments {
		if l.unreleased(s) > 0 {
			oldest = min(oldest, s.epoch)
		}
	}
	for _, h := range l.holes {
		oldest = min(oldest, h.epoch)
	}
	return oldest
}

// misnamed tells whether a segment's file has not yet the name that it should.
func (l *lane) misnamed() bool {
	return slices.ContainsFunc(l.segments, func(s *segment) bool { return s.name != s.rightName() })
}

// move moves the epochs from one on by so many, and that one's records by
// shift. What of it the cloud had keeps its place.
func (es *endings) move(from, epochs, shift uint64) {
	i, _ := es.find(from)
	for j := range (*es)[i:] {
		e := &(*es)[i+j]
		if e.epoch == from {
			e.last -= min(shift, e.last)
		}
		e.epoch += epochs
	}
	if shift > 0 {
		*es = slices.Insert(*es, i, ending{epoch: from, last: shift, exact: true})
	}
}

// origin returns the first record of an epoch that is held or known to be
// lost.
func (l *lane) origin(epoch uint64) uint64 {
	orElse := l.first
	if epoch != l.epoch {
		orElse = math.MaxUint64
	}
	first := orElse
	for _, s := range l.segments {
		if s.epoch == epoch && l.unreleased(s) > 0 {
			first = min(first, l.firstHeld(s))
		}
	}
	for _, h := range l.holes {
		if h.epoch == epoch {
			first = min(first, h.from)
		}
	}
	return first
}
