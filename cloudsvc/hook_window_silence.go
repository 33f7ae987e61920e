package cloudsvc

import (
	"time"

	"datastub/cloudsvc/window"
)

// silenceMarks is how many marks a silence keeps: it is found out later than its
// limit by one of so many parts of it at most, and by restTime.
const silenceMarks = 16

// A silence knows where the stream was so long ago as publishers may be silent. It
// counts the time in which cloudsvc listened: who could not be heard as it was not
// running was not silent.
type silence struct {
	limit time.Duration // 0: there is none
	marks []silenceMark // in order
}

// A silenceMark is where the stream was at a time.
type silenceMark struct {
	at   window.Place
	when time.Time
}

// pass takes in where the stream is, and returns where it was the limit ago: who
// sent nothing behind that is silent. That is not known in the beginning.
func (s *silence) pass(at window.Place, now time.Time) (since window.Place, known bool) {
	if s.limit == 0 {
		return since, false
	}
	if n := len(s.marks); n == 0 || now.Sub(s.marks[n-1].when) >= s.limit/silenceMarks {
		s.marks = append(s.marks, silenceMark{at, now})
	}
	for len(s.marks) > 1 && now.Sub(s.marks[1].when) >= s.limit {
		s.marks = s.marks[1:]
	}
	oldest := s.marks[0]
	return oldest.at, now.Sub(oldest.when) >= s.limit && oldest.at != window.Place{}
}
