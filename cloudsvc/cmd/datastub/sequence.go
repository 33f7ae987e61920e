package main

import "datastub/dataplane"

// maxSeries is how many series are watched for messages that are missing: some
// megabytes.
const maxSeries = 20_000

// sequences finds the messages of its series that did not come, by their seq:
// it rises by one with each message of a node, topic and device. What a start
// of the publisher leaves out is not missing: another epoch begins anew.
type sequences struct {
	last map[series]place
}

// series is a run of messages with one seq.
type series struct{ publisher, address string }

// place is where a series has got to.
type place struct{ epoch, seq uint64 }

func newSequences() *sequences { return &sequences{last: make(map[series]place)} }

// missing returns how many messages are missing between a message and the one
// of its series before it. Those of a series beyond maxSeries, and messages
// without a seq, are not watched.
func (s *sequences) missing(m *dataplane.Message) uint64 {
	key, at := series{m.ID.Publisher, m.Address()}, place{m.ID.Epoch, m.Seq}
	before, known := s.last[key]
	switch {
	case m.Seq == 0, !known && len(s.last) == maxSeries:
		return 0
	case known && at.epoch == before.epoch && at.seq <= before.seq:
		return 0 // it came before, or late
	}
	s.last[key] = at
	if !known || at.epoch != before.epoch {
		return 0
	}
	return at.seq - before.seq - 1
}
