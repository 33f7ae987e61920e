package zmq

import "time"

// skewLimits are the differences from cloudsvc's clock that are told when they
// are passed: what orders values of several nodes by time goes wrong at the
// first, a value of an edge that is ahead by the second is called uncertain.
var skewLimits = [...]time.Duration{time.Second, time.Hour}

// A skew is how many of skewLimits the clock is beyond.
type skew int

// note takes a new difference into account and tells whether that is worth
// telling. Below half of a limit it is not beyond it any more, so that a clock
// at a limit is not told of on and on.
func (s *skew) note(offset time.Duration) (changed bool) {
	was := *s
	for int(*s) < len(skewLimits) && offset.Abs() >= skewLimits[*s] {
		*s++
	}
	for *s > 0 && offset.Abs() < skewLimits[*s-1]/2 {
		*s--
	}
	return *s != was
}

// compared tells when the clocks have come to differ by much more or less. It
// belongs to the RT lane's goroutine.
func (p *Publisher) compared() {
	offset, roundTrip, known := p.clock.Offset()
	if !known || !p.skew.note(offset) {
		return
	}
	log := p.log.WithValues("cloudsvcIsAheadBy", offset, "roundTrip", roundTrip)
	if p.skew == 0 {
		log.Info("Clock agrees with cloudsvc's again")
		return
	}
	log.Info("Clock is not cloudsvc's: the times of values are wrong, here or there", "limit", skewLimits[p.skew-1])
}
