package uplink

import "datastub/dataplane"

// crosses tells whether records of an epoch cannot be sent yet: the cloud is to
// be told of the end of the epoch that was sent last, and to have it all.
func (s *Sender) crosses(epoch uint64) bool {
	return s.sent.Epoch != 0 && s.sent.Epoch != epoch && (s.ended != s.sent.Epoch || len(s.flights.frames) > 0)
}

// empties tells whether an epoch before one is to be told of that ended without
// a record that could be sent, and moves on to it.
func (s *Sender) empties(epoch uint64) bool {
	empty := s.options.Queue.Emptied(s.sent.Epoch)
	if empty == 0 || empty >= epoch {
		return false
	}
	s.sent = dataplane.Mark{Epoch: empty}
	return true
}

// endEpoch tells how the epoch ended that was sent last, nil if that was told.
func (s *Sender) endEpoch() []byte {
	if s.held = s.ended == s.sent.Epoch; s.held {
		return nil
	}
	s.ended = s.sent.Epoch
	last, unsure := s.options.Queue.Ended(s.ended)
	return dataplane.AppendFrame(nil, &dataplane.EpochEnd{
		Session: s.session, Lane: s.options.Lane, Epoch: s.ended, Last: max(last, s.sent.Seq),
		Unknown: unsure != "", Reason: unsure,
	})
}

// endBehind tells how the epochs ended that the cloud has all of, where nothing
// is waiting: the next record may be long in coming, and who subscribes shall
// not wait for it to hear of a gap. It returns nil where all is told.
func (s *Sender) endBehind() []byte {
	if !s.behind || !s.streaming {
		return nil
	}
	held := s.options.Queue.Held()
	now := held[len(held)-1].Epoch
	if s.behind = s.sent.Epoch < now; !s.behind || !s.Idle() {
		return nil
	}
	if told := s.sent.Epoch == 0 || s.ended == s.sent.Epoch; told && !s.empties(now) {
		s.behind = false
		return nil
	}
	return s.endEpoch()
}

// Finish returns the frame that tells that the epoch ends for good with what is
// stored, for an owner that accepts nothing any more and is about to leave; nil
// where more is held than that, or nothing was sent.
func (s *Sender) Finish() []byte {
	held := s.options.Queue.Held()
	now := held[len(held)-1]
	if !s.Idle() || s.sent.Epoch != now.Epoch || s.sent.Seq != now.Last {
		return nil
	}
	return dataplane.AppendFrame(nil, &dataplane.EpochEnd{
		Session: s.session, Lane: s.options.Lane, Epoch: now.Epoch, Last: now.Last,
	})
}
