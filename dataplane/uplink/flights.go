package uplink

import "datastub/dataplane"

// flights are the frames of records that are sent and not stored, oldest
// first.
type flights struct {
	frames []flight
	bytes  uint64 // of all: what credit bounds
}

type flight struct {
	mark  dataplane.Mark // of the last record
	bytes uint64
}

func (f *flights) add(mark dataplane.Mark, bytes uint64) {
	f.frames = append(f.frames, flight{mark, bytes})
	f.bytes += bytes
}

// land takes away what is stored, and tells whether there was any.
func (f *flights) land(stored dataplane.Mark) bool {
	n := 0
	for n < len(f.frames) && f.frames[n].mark.Compare(stored) <= 0 {
		f.bytes -= f.frames[n].bytes
		n++
	}
	f.frames = f.frames[n:]
	return n > 0
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
