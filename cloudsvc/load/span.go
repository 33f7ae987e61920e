package load

import "slices"

// maxHoles is how many holes of a lane are kept. The oldest of more is given
// up: what it lacks is missing for good.
const maxHoles = 1024

// span is sequences that have not arrived: from first up to but not end.
type span struct{ first, end uint64 }

// spans is which sequences of a run from 1 have arrived. The zero spans has
// none.
type spans struct {
	last  uint64 // the highest that has arrived
	holes []span // below it, rising
	lost  uint64 // in holes that were given up
}

// standing is how a sequence stands to those before it.
type standing int

const (
	inOrder   standing = iota
	ahead              // what is before it has not arrived
	late               // it fills a hole
	duplicate          // it has arrived before
)

// add takes the next sequence that arrives. One in a hole that was given up
// counts as a duplicate.
func (s *spans) add(seq uint64) standing {
	switch {
	case seq == s.last+1:
		s.last = seq
		return inOrder
	case seq > s.last:
		s.holes = append(s.holes, span{s.last + 1, seq})
		s.last = seq
		s.bound()
		return ahead
	}
	return s.fill(seq)
}

// fill takes a sequence out of the hole that it is in.
func (s *spans) fill(seq uint64) standing {
	i, found := slices.BinarySearchFunc(s.holes, seq, func(h span, seq uint64) int {
		switch {
		case seq < h.first:
			return 1
		case seq >= h.end:
			return -1
		}
		return 0
	})
	if !found {
		return duplicate
	}
	h := s.holes[i]
	var left []span
	for _, part := range [...]span{{h.first, seq}, {seq + 1, h.end}} {
		if part.first < part.end {
			left = append(left, part)
		}
	}
	s.holes = slices.Replace(s.holes, i, i+1, left...)
	s.bound()
	return late
}

func (s *spans) bound() {
	if len(s.holes) > maxHoles {
		s.lost += s.holes[0].end - s.holes[0].first
		s.holes = slices.Delete(s.holes, 0, 1)
	}
}

// missing returns how many sequences below the last have not arrived.
func (s *spans) missing() uint64 {
	n := s.lost
	for _, h := range s.holes {
		n += h.end - h.first
	}
	return n
}
