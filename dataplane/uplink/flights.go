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
	passed int    // the oldest so many are known to have come through the link
	inLog  uint64 // bytes of these, which wait for the log only
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

// onLink returns how many bytes are not known to have come through the link, and
// when the first of these went, zero if there are none.
func (f *flights) onLink() (bytes uint64, oldest time.Time) {
	if f.passed == len(f.frames) {
		return 0, time.Time{}
	}
	return f.bytes - f.inLog, f.frames[f.passed].at
}

// pass notes that all up to a mark has come through the link.
func (f *flights) pass(last dataplane.Mark) {
	for f.passed < len(f.frames) && f.frames[f.passed].mark.Compare(last) <= 0 {
		f.inLog += f.frames[f.passed].bytes
		f.passed++
	}
}

// land takes away what is stored, and returns the first of it, if there was any.
func (f *flights) land(stored dataplane.Mark) (first flight, some bool) {
	f.pass(stored)
	n := 0
	for n < len(f.frames) && f.frames[n].mark.Compare(stored) <= 0 {
		f.bytes -= f.frames[n].bytes
		f.inLog -= f.frames[n].bytes
		n++
	}
	if n == 0 {
		return flight{}, false
	}
	first = f.frames[0]
	f.frames = f.frames[n:]
	f.passed -= n
	return first, true
}

// cancel takes away what was sent behind a mark: it is turned away.
func (f *flights) cancel(behind dataplane.Mark) {
	n := len(f.frames)
	for n > 0 && f.frames[n-1].mark.Compare(behind) > 0 {
		n--
		f.bytes -= f.frames[n].bytes
		if n < f.passed {
			f.inLog -= f.frames[n].bytes
		}
	}
	f.frames = f.frames[:n]
	f.passed = min(f.passed, n)
}
