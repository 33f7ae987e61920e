package mapper

import "time"

// A schedule says when a cycle is due. It keeps to a grid, origin + n × cycle,
// so that nothing drifts and equal cycles of one origin stay together. A
// moment that was missed is skipped, not made up for.
type schedule struct {
	origin time.Time
	cycle  time.Duration
	next   time.Time // may be off the grid: then it is the first
}

// newSchedule returns a schedule that is due at first, and then on the grid of
// the origin, which is not after first. A cycle of 0 or less is never due.
func newSchedule(origin, first time.Time, cycle time.Duration) schedule {
	return schedule{origin: origin, cycle: cycle, next: first}
}

// due tells whether the cycle is due at now. If it is, it moves on to the
// first moment after now, and counts the moments between that were skipped.
func (s *schedule) due(now time.Time) (due bool, skipped uint64) {
	if s.cycle <= 0 || s.next.After(now) {
		return false, 0
	}
	before, last := s.next.Sub(s.origin)/s.cycle, now.Sub(s.origin)/s.cycle
	s.next = s.origin.Add((last + 1) * s.cycle)
	return true, uint64(last - before)
}

// at returns the moment at which the cycle is due. It is not ok if it never is.
func (s *schedule) at() (next time.Time, ok bool) { return s.next, s.cycle > 0 }
