package spool

import (
	"math"

	"datastub/dataplane"
)

// Rebase implements uplink.Queue. The oldest epoch that is held becomes the
// one above; those behind it keep their distance. Its records begin anew with
// 1, behind the hole if there is one there: what was before them is none of the
// cloud's, which has another spool's records in mind. Files are renamed later.
func (l *lane) Rebase(above uint64) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	oldest := l.heldRanges()[0].Epoch
	if oldest > above {
		return // renumbered within an epoch, records would pass for others
	}
	epochs, shift := above+1-oldest, l.origin(oldest)-1
	for i := range l.ends {
		e := &l.ends[i]
		if e.epoch == oldest {
			e.last -= shift
		}
		e.epoch += epochs
	}
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
	l.handed, l.released = dataplane.Mark{}, dataplane.Mark{}
	l.backlog.clear()
	l.spool.nudgeUpkeep()
}

// origin returns the first record of an epoch that is held or known to be
// lost.
func (l *lane) origin(epoch uint64) uint64 {
	orElse := l.first
	if epoch != l.epoch {
		orElse = math.MaxUint64
	}
	first := l.oldest(epoch, orElse)
	for _, h := range l.holes {
		if h.epoch == epoch {
			first = min(first, h.from)
		}
	}
	return first
}
