package spool

import "slices"

const (
	// keptPart is the part of a spool's bytes that each lane may take for what
	// the cloud has, so that one that is put back to an older state gets it again.
	keptPart = 8
	// maxKept is how many segments each lane keeps for that.
	maxKept = 256
)

// retire gives up segments of which the cloud has all: the oldest, where they
// are too many or take too much, and those without records. The last segment
// stays: who the spool is and which epochs were given shall not stand in the
// checkpoint alone.
func (l *lane) retire() {
	n, bytes := 0, int64(0)
	for _, s := range l.segments {
		if l.unreleased(s) == 0 && !s.empty() {
			n++
			bytes += s.bytes
		}
	}
	if n != l.kept {
		l.kept, l.spool.stale = n, true
		l.spool.nudgeUpkeep()
	}
	limit := l.spool.storage.MaxBytes / keptPart
	l.giveUp(func(s *segment) bool {
		switch {
		case l.unreleased(s) > 0:
			return false
		case s.empty():
			return true
		case n <= maxKept && bytes <= limit:
			return false
		}
		n--
		l.kept--
		bytes -= s.bytes
		return true
	})
	l.ends.trim(l.holds)
}

// forgo gives up all segments of which the cloud has all, but the one that is
// written to, and tells whether there were any.
func (l *lane) forgo() bool {
	n := len(l.segments)
	l.segments = slices.DeleteFunc(l.segments, func(s *segment) bool {
		gone := s != l.active && l.unreleased(s) == 0
		if gone {
			l.spend(s)
		}
		return gone
	})
	return len(l.segments) < n
}

// giveUp gives up the segments that are done with, all but the last.
func (l *lane) giveUp(done func(*segment) bool) {
	more := len(l.segments)
	l.segments = slices.DeleteFunc(l.segments, func(s *segment) bool {
		more--
		gone := more > 0 && done(s)
		if gone {
			l.spend(s)
		}
		return gone
	})
}
