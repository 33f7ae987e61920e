package spool

import (
	"context"
	"time"

	"datastub/dataplane"
)

// What is read back at once: a segment's bytes at a time from the file, and
// from these so many records, or about so many bytes of them. There are so
// many chunks of records at most: the one that is being sent, and the next.
const (
	chunkRecords = 4096
	chunkBytes   = 1 << 20
	chunksAhead  = 2
)

// retryRead is the wait after a file could not be read, and readTries how often
// that is tried before its records are given up.
const (
	retryRead = time.Second
	readTries = 5
)

// backlog is what was read back of a lane's segments, for Next. The spool's
// mutex guards it.
type backlog struct {
	want   dataplane.Mark // the record that Next asked for in vain
	chunks []chunk        // one behind the other
	kick   chan struct{}  // wakes the reader
}

// chunk is a run of records.
type chunk struct {
	first    dataplane.Mark
	messages []dataplane.Message
}

func (c *chunk) end() dataplane.Mark {
	return dataplane.Mark{Epoch: c.first.Epoch, Seq: c.first.Seq + uint64(len(c.messages)) - 1}
}

// from returns the records that were read from one on. Where there are none,
// they will be, and Wake is called.
func (b *backlog) from(at dataplane.Mark) []dataplane.Message {
	for len(b.chunks) > 0 {
		c := &b.chunks[0]
		if c.first.Epoch == at.Epoch && c.first.Seq <= at.Seq && at.Seq <= c.end().Seq {
			if len(b.chunks) < chunksAhead {
				nudge(b.kick)
			}
			return c.messages[at.Seq-c.first.Seq:]
		}
		b.chunks = b.chunks[1:]
	}
	b.want = at
	nudge(b.kick)
	return nil
}

// clear forgets what was read.
func (b *backlog) clear() { b.chunks, b.want = nil, dataplane.Mark{} }

// nudge wakes whoever waits for a channel of one place.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is being woken
	}
}

// reader reads a lane's segments, for its backlog, one after the other.
type reader struct {
	lane    *lane
	segment *segment // that scan is of
	file    []byte   // of it
	scan    scan
	tries   int // that failed, one after the other
	runs    int // of damaged records that were looked into
}

// run reads whenever it is wanted, until ctx ends.
func (r *reader) run(ctx context.Context) {
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.lane.backlog.kick:
		case <-retry:
		}
		retry = nil
		for ctx.Err() == nil {
			more, err := r.step()
			if err != nil {
				retry = time.After(retryRead)
			}
			if !more {
				break
			}
		}
	}
}

// step reads a chunk, and tells whether there may be more to read at once.
func (r *reader) step() (more bool, err error) {
	s := r.lane.spool
	s.mu.Lock()
	at, wanted := r.lane.unread()
	seg := r.lane.segmentAt(at)
	if !wanted || seg == nil || seg.condemned != "" {
		s.mu.Unlock()
		return false, nil
	}
	name, bytes, place, last := seg.name, seg.bytes, seg.place(at.Seq), seg.place(seg.last)
	s.mu.Unlock()

	if err := r.seek(seg, name, bytes, place); err != nil {
		return r.failed(seg, at, err)
	}
	r.tries = 0
	found, messages := r.read(place, last)
	var lost []seriesCount
	if found > place && r.runs < maxMissing {
		r.runs++
		lost = missing(r.file, place, found-1)
	}
	s.mu.Lock()
	to := r.lane.install(seg, at, place, found, messages, lost)
	s.mu.Unlock()
	if to > 0 {
		r.tell(at, to)
	}
	s.wake(r.lane.class)
	return true, nil
}

// unread returns the record that is to be read next; false if none is.
func (l *lane) unread() (dataplane.Mark, bool) {
	n := len(l.backlog.chunks)
	switch {
	case n == 0:
		return l.backlog.want, l.backlog.want != dataplane.Mark{}
	case n >= chunksAhead:
		return dataplane.Mark{}, false
	}
	at, some := l.behind(l.backlog.chunks[n-1].end())
	return at, some && l.inMemory(at) == 0 && l.holes.at(at) == nil
}

// seek makes the scan ready for a place in a segment.
func (r *reader) seek(seg *segment, name string, bytes int64, place uint64) error {
	if r.segment == seg && r.scan.place <= place && int64(len(r.file)) == bytes {
		return nil
	}
	b, err := readFile(r.lane.spool.folder, name, bytes)
	if err != nil {
		return err
	}
	r.segment, r.file, r.scan, r.runs = seg, b, scanOf(b), 0
	return nil
}

// read returns the place of the first record from one on that can be read, and
// it and those that follow it. The place is behind the last where none can.
func (r *reader) read(place, last uint64) (found uint64, messages []dataplane.Message) {
	bytes := 0
	for len(messages) < chunkRecords && bytes < chunkBytes && r.scan.place <= last {
		before := r.scan
		at, record, ok := r.scan.next()
		if !ok {
			break
		}
		if at < place {
			continue
		}
		if n := uint64(len(messages)); n > 0 && at != found+n {
			r.scan = before // behind what was damaged: the next chunk
			break
		}
		m, err := dataplane.DecodeRecord(record)
		if err != nil {
			continue // it was written by nobody that knows what a record is
		}
		if len(messages) == 0 {
			found = at
		}
		messages = append(messages, m)
		bytes += len(record)
	}
	if len(messages) == 0 {
		return last + 1, nil
	}
	return found, messages
}

// install takes what was read of a segment from a place on, if it is still
// wanted. What is not there was damaged, and is lost: it returns the last such
// record, 0 if there is none.
func (l *lane) install(seg *segment, at dataplane.Mark, place, found uint64, messages []dataplane.Message, lost []seriesCount) (damaged uint64) {
	again, wanted := l.unread()
	if !wanted || again != at || l.segmentAt(at) != seg || seg.condemned != "" || seg.place(at.Seq) != place {
		return 0
	}
	if found > place {
		l.damage(at, seg.seq(found-1), lost)
		return seg.seq(found - 1)
	}
	for i := range messages {
		m := &messages[i]
		m.Class, m.Node = l.class, l.spool.node
		m.ID = dataplane.ID{Publisher: l.spool.publisher, Class: l.class, Epoch: seg.epoch, Seq: at.Seq + uint64(i)}
	}
	l.backlog.want = dataplane.Mark{}
	l.backlog.chunks = append(l.backlog.chunks, chunk{at, messages})
	return 0
}

// countsFrom returns what a segment holds from a record on, by series, as its
// footer told; nil where it did not, or the record is not the first, or one was
// given away before.
func (l *lane) countsFrom(seg *segment, at dataplane.Mark) []seriesCount {
	if at.Seq != seg.first || seg.skip > 0 || at.Compare(l.handed) <= 0 {
		return nil
	}
	return seg.counts
}

// damage makes a hole of records that cannot be read back, by series; nil if
// these are not known.
func (l *lane) damage(at dataplane.Mark, to uint64, lost []seriesCount) {
	l.holes.grow(at, reasonDamaged).addRun(to, lost)
	l.damaged += to - at.Seq + 1
	l.backlog.want = dataplane.Mark{}
}

// tell logs that records cannot be read back.
func (r *reader) tell(at dataplane.Mark, to uint64) {
	r.lane.spool.log.Info("Spool has records that cannot be read back: cloudsvc gets a gap in their place",
		"lane", r.lane.class, "epoch", at.Epoch, "from", at.Seq, "to", to)
}

// failed gives a segment's records up that could not be read again and again: a
// file that is not there may be about to have another name, once or twice, but
// if somebody has removed it, nothing behind it would ever be sent.
func (r *reader) failed(seg *segment, at dataplane.Mark, err error) (more bool, _ error) {
	if r.tries++; r.tries < readTries {
		return false, err
	}
	r.tries = 0
	s := r.lane.spool
	s.log.Error(err, "Spool cannot read a segment: cloudsvc gets a gap in its place", "tries", readTries)
	s.mu.Lock()
	if r.lane.segmentAt(at) == seg {
		r.lane.damage(at, seg.last, r.lane.countsFrom(seg, at))
	}
	s.mu.Unlock()
	s.wake(r.lane.class)
	return true, nil
}
