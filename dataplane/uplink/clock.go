package uplink

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// clockSamples is how many pings a Clock goes by.
const clockSamples = 8

// A Clock compares this end's clock with the other's, as NTP does, by pings and
// their answers:
//
//	here   t1                t4
//	         \              /
//	there     t2 ........ t3      offset = ((t2 - t1) + (t3 - t4)) / 2
//
// Each is wrong by half of its round trip at most, where one way took all the
// time. So of the last 8 the half that took the least time are used, and the
// median of these. The zero Clock has seen nothing; it is safe for concurrent
// use.
type Clock struct {
	mu      sync.Mutex
	samples []clockSample // the last ones, the oldest first
}

type clockSample struct{ offset, roundTrip time.Duration }

// contradicts tells whether two samples cannot both be right.
func (s clockSample) contradicts(o clockSample) bool {
	return (s.offset - o.offset).Abs() > (s.roundTrip+o.roundTrip)/2
}

// Observe takes a ping that was sent at t1 and answered at t4, by this end's
// clock, and came at t2 and was answered at t3 by the other's. What contradicts
// it was before a clock was set, and is forgotten.
func (c *Clock) Observe(t1, t2, t3, t4 time.Time) {
	s := clockSample{
		offset:    t2.Sub(t1)/2 + t3.Sub(t4)/2, // halves: the sum may be too large
		roundTrip: t4.Sub(t1) - t3.Sub(t2),
	}
	if s.roundTrip < 0 {
		return // a clock was set meanwhile
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.samples = slices.DeleteFunc(c.samples, s.contradicts)
	c.samples = append(c.samples, s)
	if more := len(c.samples) - clockSamples; more > 0 {
		c.samples = slices.Delete(c.samples, 0, more)
	}
}

// Offset returns what is to be added to this end's clock to have the other's,
// and the longest round trip that this was taken from: the offset is wrong by
// half of that at most. It is not known before the first answer.
func (c *Clock) Offset() (offset, roundTrip time.Duration, known bool) {
	c.mu.Lock()
	best := slices.Clone(c.samples)
	c.mu.Unlock()
	if len(best) == 0 {
		return 0, 0, false
	}
	slices.SortStableFunc(best, func(a, b clockSample) int { return cmp.Compare(a.roundTrip, b.roundTrip) })
	best = best[:(len(best)+1)/2]
	roundTrip = best[len(best)-1].roundTrip
	slices.SortFunc(best, func(a, b clockSample) int { return cmp.Compare(a.offset, b.offset) })
	return best[(len(best)-1)/2].offset, roundTrip, true
}
