package spool

import (
	"errors"
	"fmt"
	"io"
	"time"

	"datastub/dataplane"
)

// segment is a run of one lane's records in a file. The spool's mutex guards
// it, but for tally, which is the writer's.
type segment struct {
	name        string // of its file, which may be about to change
	lane        dataplane.Class
	epoch       uint64 // that its records are sent under
	first, last uint64 // of them; last is first-1 where there are none
	skip        uint64 // records in the file before first, which are none of the lane's any more
	accepted    uint64 // the sequence that the first record in the file was accepted with
	bytes       int64  // of the file, up to the end of the last entry
	written     uint64 // records in the file; the writer's
	created     time.Time
	newest      time.Time // when its last record was written
	sealed      bool
	condemned   string        // why it is to be dropped; empty: it is not
	counts      []seriesCount // of a sealed one; nil: not known
	tally       tally         // of one that is being written
	file        file          // to be synced and closed; nil: it is
	dirty       bool          // not synced
	synced      uint64        // the last record that surely was
}

// empty tells whether it holds no records.
func (s *segment) empty() bool { return s.last < s.first }

// place returns where in the file a record is, counted from 0.
func (s *segment) place(seq uint64) uint64 { return seq - s.first + s.skip }

// seq returns the sequence of the record at a place that is not skipped.
func (s *segment) seq(place uint64) uint64 { return place - s.skip + s.first }

// shift takes a number off all sequences. Records that would come before 1 are
// skipped.
func (s *segment) shift(n uint64) {
	if s.first <= n {
		s.skip += n + 1 - s.first
		s.first = n + 1
	}
	s.first -= n
	s.last -= n
	s.synced -= min(n, s.synced)
}

// rightName returns the name that says how the records are sent now.
func (s *segment) rightName() string {
	return segmentName{lane: s.lane, epoch: s.epoch, first: s.first, shift: s.accepted + s.skip - s.first}.String()
}

// spend gives up a segment: its file is removed once a checkpoint says what it
// does.
func (l *lane) spend(s *segment) {
	l.spent = append(l.spent, s)
	l.spool.nudgeUpkeep()
}

// discard drops a sealed segment and all before its last record that is in
// memory. What is lost becomes a hole, at once if it can be told without
// reading the file.
func (l *lane) discard(s *segment, reason string) {
	l.popToEnd(s)
	if l.unreleased(s) == 0 {
		l.remove(s)
		return
	}
	from := l.firstHeld(s)
	if s.counts == nil || from > s.first || s.skip > 0 || (dataplane.Mark{Epoch: s.epoch, Seq: from}).Compare(l.handed) <= 0 {
		s.condemned = reason
		l.spool.nudgeUpkeep()
		return
	}
	l.lose(s, reason, from, s.counts)
}

// popToEnd takes what is in memory of a segment, and before it, out.
func (l *lane) popToEnd(s *segment) {
	if s.epoch == l.epoch {
		l.popTo(s.last)
	}
}

// lose makes a hole of a segment's records from one on, and gives the segment
// up.
func (l *lane) lose(s *segment, reason string, from uint64, counts []seriesCount) {
	l.holes.grow(dataplane.Mark{Epoch: s.epoch, Seq: from}, reason).addRun(s.last, counts)
	l.dropped.add(Amount{Records: s.last - from + 1, Bytes: uint64(s.bytes)})
	l.remove(s)
}

// remove takes a segment off the lane.
func (l *lane) remove(s *segment) {
	for i := range l.segments {
		if l.segments[i] == s {
			l.segments = append(l.segments[:i:i], l.segments[i+1:]...)
			l.spend(s)
			return
		}
	}
}

// readFile reads so many bytes from the beginning of a file, all of it for 0.
func readFile(f folder, name string, size int64) ([]byte, error) {
	opened, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	if size == 0 {
		if size, err = opened.Size(); err != nil {
			return nil, err
		}
	}
	b := make([]byte, size)
	n, err := opened.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b[:n], nil
}

// scanOf returns the scan of the records in a segment's bytes. A header that
// cannot be read is passed over like any other entry.
func scanOf(b []byte) scan {
	_, length := readHeader(b)
	return scan{rest: b[length:], passed: length, read: length}
}
