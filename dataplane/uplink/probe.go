package uplink

import (
	"time"

	"datastub/dataplane"
)

// probe asks by a PING whether what went last has come through the link, where
// that is much and nothing was asked yet. An ACK tells that too, and comes when
// the log has it, which may take far longer. The PING is without a clock: it
// asks for nothing else.
func (s *Sender) probe(now time.Time) {
	all, lane := s.fly()
	if s.probing.at.IsZero() && s.options.Pacer.probes(lane) {
		s.probing = *s.flights.last()
		s.probing.at = now
		s.probing.follows(all, lane)
		s.outbox = append(s.outbox, &dataplane.Ping{})
	}
}

// passed notes that what was asked for has come through the link, and asks for
// what has gone meanwhile.
func (s *Sender) passed(now time.Time) {
	probing := s.probing
	if probing.at.IsZero() {
		return // nothing was asked
	}
	s.probing = flight{}
	s.flights.pass(probing.mark)
	s.options.Pacer.passed(probing, now)
	s.probe(now)
}
