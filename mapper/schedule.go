package mapper

import "time"

// A schedule says which of some cycles are due. Each keeps to its own grid,
// start + n × cycle, so that nothing drifts and equal cycles stay together. A
// moment that was missed is skipped, not made up for.
type schedule struct {
	cycles []time.Duration
	next   []time.Time
}

// newSchedule returns a schedule in which every cycle is due at start. A cycle
// of 0 or less is never due.
func newSchedule(start time.Time, cycles []time.Duration) *schedule {
	s := &schedule{cycles: cycles, next: make([]time.Time, len(cycles))}
	for i, cycle := range cycles {
		if cycle > 0 {
			s.next[i] = start
		}
	}
	return s
}

// due returns which cycles are due at now, moves them on to their first moment
// after now, and counts the moments between that were skipped.
func (s *schedule) due(now time.Time) (due []int, skipped uint64) {
	for i, at := range s.next {
		if s.cycles[i] <= 0 || at.After(now) {
			continue
		}
		late := now.Sub(at) / s.cycles[i]
		s.next[i] = at.Add((late + 1) * s.cycles[i])
		skipped += uint64(late)
		due = append(due, i)
	}
	return due, skipped
}

// at returns the earliest moment at which something is due. It is not ok if
// nothing ever is.
func (s *schedule) at() (next time.Time, ok bool) {
	for i, at := range s.next {
		if s.cycles[i] > 0 && (!ok || at.Before(next)) {
			next, ok = at, true
		}
	}
	return next, ok
}
