package uplink

import (
	"time"

	"datastub/dataplane"
)

// flights are the frames of records that are sent and not stored, oldest
// first.
type flights struct {
	frames []flight
	bytes  uint64 // of all: what credit bounds
}

type flight struct {
	mark  dataplane.Mark // of the last record
	bytes uint64
	at    time.Time // when it went
	ahead uint64    // bytes under way then, of all lanes, with its own
	tells bool      // how long it takes tells what the link carries
}

// follows notes what is under way as the frame goes, in all and of its lane.
func (f *flight) follows(all, lane uint64) {
	f.ahead = all
	f.tells = all == lane || 4*f.bytes >= all
}

func (f *flights) add(mark dataplane.Mark, bytes uint64, now time.Time) {
	f.frames = append(f.frames, flight{mark: mark, bytes: bytes, at: now})
	f.bytes += bytes
}

// last returns the one that went last.
func (f *flights) last() *flight { return &f.frames[len(f.frames)-1] }

// oldest returns when the first went of those that are left, zero if none is.
func (f *flights) oldest() time.Time {
	if len(f.frames) == 0 {
		return time.Time{}
	}
	return f.frames[0].at
}

// land takes away what is stored, and returns the first of it, if there was any.
func (f *flights) land(stored dataplane.Mark) (first flight, some bool) {
	n := 0
	for n < len(f.frames) && f.frames[n].mark.Compare(stored) <= 0 {
		f.bytes -= f.frames[n].bytes
		n++
	}
	if n == 0 {
		return flight{}, false
	}
	first = f.frames[0]
	f.frames = f.frames[n:]
	return first, true
}

// cancel takes away what was sent behind a mark: it is turned away.
func (f *flights) cancel(behind dataplane.Mark) {
	n := len(f.frames)
	for n > 0 && f.frames[n-1].mark.Compare(behind) > 0 {
		n--
		f.bytes -= f.frames[n].bytes
	}
	f.frames = f.frames[:n]
}
