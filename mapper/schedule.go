package mapper

import "time"

// A schedule says when a cycle is due. It keeps to a grid, n × cycle since an
// origin that its owner has, so that nothing drifts and equal cycles of one
// origin stay together. A moment that was missed is skipped, not made up for.
type schedule struct {
	cycle time.Duration
	next  time.Duration // since the origin; may be off the grid: then it is the first
}

// newSchedule returns a schedule that is due at first, which is not before the
// origin, and then on the grid. A cycle of 0 or less is never due.
func newSchedule(first, cycle time.Duration) schedule {
	return schedule{cycle: cycle, next: first}
}

// due tells whether the cycle is due at now. If it is, it moves on to the
// first moment after now, and counts the moments between that were skipped.
func (s *schedule) due(now time.Duration) (due bool, skipped uint64) {
	if s.cycle <= 0 || s.next > now {
		return false, 0
	}
	before, last := s.next/s.cycle, now/s.cycle
	s.next = (last + 1) * s.cycle
	return true, uint64(last - before)
}

// at returns the moment at which the cycle is due. It is not ok if it never is.
func (s *schedule) at() (next time.Duration, ok bool) { return s.next, s.cycle > 0 }
