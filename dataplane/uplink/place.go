package uplink

import (
	"fmt"

	"datastub/dataplane"
)

// maxNumber bounds epochs and sequences: what is exact in every JSON reader,
// and leaves room to count on.
const maxNumber = 1<<53 - 1

// run is a frame's records: first to last of an epoch.
type run struct {
	session     uint64
	lane        dataplane.Class
	epoch       uint64
	first, last uint64
}

// place finds what is new of a run. fresh tells whether there is any, and from
// tells where it begins; else the replies say what is to be done instead, if
// anything.
func (r *Receiver) place(s *session, f run) (from uint64, replies []Reply, fresh bool) {
	if refusal := s.check(f); refusal != nil {
		return 0, r.expel(s, refusal), false
	}
	state := s.state()
	end := dataplane.Mark{Epoch: f.epoch, Seq: f.last}
	switch {
	case end.Compare(state.stored) <= 0:
		return 0, []Reply{r.ack(s)}, false
	case end.Compare(state.received) <= 0:
		return 0, nil, false // on its way into the log: acked when it is there
	}
	begin := dataplane.Mark{Epoch: f.epoch, Seq: f.first}
	next := state.next(f.epoch)
	switch {
	case state.endsBefore(f.epoch):
		return 0, s.turnAway(state.expected(), begin), false
	case s.asked != (dataplane.Mark{}) && begin.Compare(s.asked) > 0:
		return 0, s.turnAway(s.asked, begin), false
	case f.first > next:
		return 0, s.turnAway(dataplane.Mark{Epoch: f.epoch, Seq: next}, begin), false
	case r.credits[s.lane].full():
		return 0, r.putOff(s, dataplane.Mark{Epoch: f.epoch, Seq: next}, begin), false
	}
	return next, nil, true
}

// putOff turns away what there is no room for. The edge loses its credit before
// it goes back, and sends again when it gets some.
func (r *Receiver) putOff(s *session, expected, begin dataplane.Mark) []Reply {
	nack := s.turnAway(expected, begin)
	if nack == nil {
		return nil
	}
	return append([]Reply{r.ack(s)}, nack...)
}

// check returns how a run breaks the protocol, nil if it does not.
func (s *session) check(f run) *dataplane.Refuse {
	malformed := func(format string, args ...any) *dataplane.Refuse {
		return &dataplane.Refuse{Code: dataplane.RefuseMalformed, Text: fmt.Sprintf(format, args...)}
	}
	switch {
	case f.session != s.number:
		return &dataplane.Refuse{Code: dataplane.RefuseSession, Text: "the session is not known here: say HELLO"}
	case f.lane != s.lane:
		return malformed("records of lane %v in a session of %v", f.lane, s.lane)
	case f.epoch < s.oldest || f.epoch > s.newest:
		return malformed("records of epoch %d: HELLO told of %d to %d", f.epoch, s.oldest, s.newest)
	case f.first == 0 || f.last < f.first || f.last > maxNumber:
		return malformed("records %d to %d: want sequences that rise, within 1 and %d", f.first, f.last, uint64(maxNumber))
	}
	return nil
}

// next returns the first sequence of an epoch that was not received.
func (l *laneState) next(epoch uint64) uint64 {
	if epoch == l.received.Epoch {
		return l.received.Seq + 1
	}
	return 1
}

// expected returns what comes behind all that was received: the next record of
// the epoch, or its end.
func (l *laneState) expected() dataplane.Mark {
	return dataplane.Mark{Epoch: l.received.Epoch, Seq: l.received.Seq + 1}
}

// endsBefore tells whether an epoch has to be told the end of before another one
// may begin.
func (l *laneState) endsBefore(epoch uint64) bool {
	return l.received.Epoch != 0 && l.received.Epoch < epoch && !l.ended
}

// turnAway asks the edge to go back to what is expected. It asks once: the
// frames that were already under way behind the first one turned away bring
// rising sequences, and say nothing new. A sequence that does not rise shows
// that the edge went back, and that what is expected was lost again.
func (s *session) turnAway(expected, begin dataplane.Mark) []Reply {
	told := s.asked == expected && begin.Compare(s.ahead) > 0
	s.asked, s.ahead = expected, begin
	if told {
		return nil
	}
	return s.nack()
}

// nack repeats what was asked for last, if it has not come since.
func (s *session) nack() []Reply {
	if s.asked == (dataplane.Mark{}) {
		return nil
	}
	return []Reply{{s.peer, &dataplane.Nack{Session: s.number, Expected: s.asked}}}
}
