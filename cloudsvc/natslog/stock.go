package natslog

import "time"

// lots is into how many parts a stock's limits are divided: blocks go by the
// lot, at most that part of a limit later than the limit says.
const lots = 64

// A stock is the blocks of one shelf, as far as its limits need to know: lots of
// consecutive ones, the oldest first. What others took of it is counted until it
// would have gone anyway, which takes no other one earlier.
type stock struct {
	maxAge   time.Duration // 0: none
	maxBytes int64         // 0: none
	lots     []lot
	bytes    int64
}

type lot struct {
	last           uint64 // its last block
	oldest, newest time.Time
	bytes          int64
}

// add takes in the block that comes next.
func (s *stock) add(seq uint64, stored time.Time, bytes int64) {
	if n := len(s.lots); n == 0 || s.closes(&s.lots[n-1], stored) {
		s.lots = append(s.lots, lot{oldest: stored})
	}
	open := &s.lots[len(s.lots)-1]
	open.last, open.newest = seq, stored
	open.bytes += bytes
	s.bytes += bytes
}

// closes tells whether a block goes into another lot.
func (s *stock) closes(l *lot, stored time.Time) bool {
	return s.maxAge > 0 && stored.Sub(l.oldest) >= s.maxAge/lots || s.maxBytes > 0 && l.bytes >= s.maxBytes/lots
}

// drop lets go of the lots up to a block, as beyond returns it.
func (s *stock) drop(upTo uint64) {
	for len(s.lots) > 0 && s.lots[0].last <= upTo {
		s.bytes -= s.lots[0].bytes
		s.lots = s.lots[1:]
	}
}

// beyond returns the last block that a share of the limits would not keep; 0:
// there is none. What is younger than the age stays, and so do as many bytes as
// there may be.
func (s *stock) beyond(now time.Time, share float64) (upTo uint64) {
	age, room := time.Duration(share*float64(s.maxAge)), int64(share*float64(s.maxBytes))
	behind := s.bytes
	for i := range s.lots {
		l := &s.lots[i]
		behind -= l.bytes
		old := s.maxAge > 0 && now.Sub(l.newest) > age
		many := s.maxBytes > 0 && behind >= room
		if !old && !many {
			break
		}
		upTo = l.last
	}
	return upTo
}
