package cloudsvc

import (
	"math/bits"

	"datastub/dataplane/uplink"
)

// maxShelved is how many topics a shelver remembers the shelf of.
const maxShelved = 100_000

// anyTopic stands for the topics of all shelves, and of those that were.
const anyTopic = 1<<32 - 1

// A shelver says on which shelf an entry goes. An entry is kept as a whole: one
// with topics of several shelves goes on the one that keeps it longest, as does
// one whose topics are not known. So all is kept for as long as was promised, at
// least. One goroutine uses it.
type shelver struct {
	shelves []Shelf          // not retired, in the order of their rules
	topics  map[string]uint8 // the index of each topic's shelf, of some of them
	longest uint8            // the index of the one that keeps longest
}

// A placement is where an entry goes.
type placement struct {
	shelf  uint8  // its index
	topics uint16 // the shelves whose topics are in it, a bit each
	any    bool   // its topics are not known
}

// newShelver places on those of a log's shelves that are not retired; there is
// one at least, unless none is given.
func newShelver(all []Shelf) *shelver {
	s := &shelver{topics: make(map[string]uint8)}
	for _, shelf := range all {
		if !shelf.Retired {
			s.shelves = append(s.shelves, shelf)
		}
	}
	if len(s.shelves) == 0 {
		s.shelves = make([]Shelf, 1)
	}
	for i := range s.shelves {
		if s.shelves[i].keepsLonger(&s.shelves[s.longest]) {
			s.longest = uint8(i)
		}
	}
	return s
}

// place returns where an entry goes.
func (s *shelver) place(a *uplink.Accepted) placement {
	p := placement{shelf: s.longest}
	switch {
	case a.End != nil:
		p.any = a.End.Unknown
	case a.Gap != nil:
		p.any = len(a.Gap.Series) == 0
		for i := range a.Gap.Series {
			p.topics |= 1 << s.find(a.Gap.Series[i].Topic)
		}
	default:
		last := ""
		for i := range a.Messages {
			if topic := a.Messages[i].Topic; topic != last {
				last = topic
				p.topics |= 1 << s.find(topic)
			}
		}
	}
	if p.topics != 0 {
		p.shelf = s.keepsLongest(p.topics)
	}
	return p
}

// find returns the index of a topic's shelf.
func (s *shelver) find(topic string) uint8 {
	if len(s.shelves) == 1 {
		return 0
	}
	if at, known := s.topics[topic]; known {
		return at
	}
	at := uint8(0)
	for !s.shelves[at].takes(topic) { // the last one does
		at++
	}
	if len(s.topics) == maxShelved {
		clear(s.topics)
	}
	s.topics[topic] = at
	return at
}

// keepsLongest returns which of some shelves does.
func (s *shelver) keepsLongest(of uint16) uint8 {
	longest := uint8(bits.TrailingZeros16(of))
	for i := range s.shelves {
		if of&(1<<i) != 0 && s.shelves[i].keepsLonger(&s.shelves[longest]) {
			longest = uint8(i)
		}
	}
	return longest
}

// ids returns the IDs of the shelves whose topics are in entries that go
// together.
func (s *shelver) ids(p placement) (ids []uint32) {
	if p.any {
		return []uint32{anyTopic}
	}
	for i := range s.shelves {
		if p.topics&(1<<i) != 0 {
			ids = append(ids, s.shelves[i].ID)
		}
	}
	return ids
}
