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
//
// One that tells of a gap takes the place of what was lost of its series, which
// is then not missing.
func (s *sequences) missing(m *dataplane.Message) uint64 {
	if loss, is := m.Loss(); is {
		if loss.Topic == "" {
			return 0 // it is not known which series it is about: what is lost of them is missing
		}
		key := series{loss.Publisher, dataplane.Address(loss.Namespace, loss.Topic, loss.Device)}
		return s.advance(key, m.ID.Epoch, loss.From, loss.To)
	}
	return s.advance(series{m.ID.Publisher, m.Address()}, m.ID.Epoch, m.Seq, m.Seq)
}

// advance moves a series on to what has the sequences from to to, and returns
// how many are missing before.
func (s *sequences) advance(key series, epoch, from, to uint64) uint64 {
	before, known := s.last[key]
	switch {
	case to == 0, !known && len(s.last) == maxSeries:
		return 0
	case known && epoch == before.epoch && to <= before.seq:
		return 0 // it came before, or late
	}
	s.last[key] = place{epoch, to}
	if !known || epoch != before.epoch || from <= before.seq {
		return 0
	}
	return from - before.seq - 1
}
