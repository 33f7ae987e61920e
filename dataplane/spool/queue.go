package spool

import (
	"cmp"
	"fmt"
	"slices"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

var _ uplink.Queue = (*lane)(nil)

// Spool implements uplink.Queue.
func (l *lane) Spool() dataplane.SpoolID { return l.spool.ID() }

// Held implements uplink.Queue.
func (l *lane) Held() []dataplane.EpochRange {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	return l.heldRanges()
}

// maxHeld is the most epochs that are told of, well within what HELLO takes:
// the oldest and the newest ones.
const maxHeld = 1024

func (l *lane) heldRanges() []dataplane.EpochRange {
	held := make([]dataplane.EpochRange, 0, len(l.ends)+1)
	for _, e := range l.ends {
		held = append(held, dataplane.EpochRange{Epoch: e.epoch, First: l.oldest(e.epoch, e.last+1), Last: e.last})
	}
	held = append(held, dataplane.EpochRange{Epoch: l.epoch, First: l.oldest(l.epoch, l.first), Last: l.ready})
	if more := len(held) - maxHeld; more > 0 {
		held = slices.Delete(held, 1, 1+more)
	}
	return held
}

// oldest returns the first record of an epoch that is in a segment, or else
// what is given.
func (l *lane) oldest(epoch, orElse uint64) uint64 {
	if s := l.segmentFrom(dataplane.Mark{Epoch: epoch, Seq: 1}); s != nil {
		return min(s.first, orElse)
	}
	return orElse
}

// held returns how much is not durable in the cloud.
func (l *lane) held() Amount {
	var a Amount
	for _, s := range l.segments {
		if n := l.unreleased(s); n > 0 && s.condemned == "" {
			a.add(Amount{Records: n, Bytes: uint64(s.bytes)})
		}
	}
	a.Records += l.ready - min(max(l.written, l.first-1), l.ready)
	if l.written < l.first {
		a.Bytes += uint64(l.bytes)
	}
	return a
}

// Ended implements uplink.Queue.
func (l *lane) Ended(epoch uint64) (last uint64, unsure string) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	e, known := l.ends.of(epoch)
	switch {
	case known && e.exact:
		return e.last, ""
	case known:
		return e.last, fmt.Sprintf("the edge lost power, or its mapper was killed, with records not yet on disk (spool.sync: %v)", l.spool.storage.Sync)
	case l.spool.folder == nil:
		return 0, "the mapper was killed, or ended, with records in memory only"
	}
	return 0, "the edge's spool does not know how the epoch ended"
}

// Emptied implements uplink.Queue.
func (l *lane) Emptied(after uint64) uint64 {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	for _, e := range l.ends {
		if e.epoch > after && e.last == 0 && !e.exact {
			return e.epoch
		}
	}
	return 0
}

// Left implements uplink.Queue.
func (l *lane) Left(stored dataplane.Mark) int {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	if l.released.Compare(stored) > 0 {
		stored = l.released
	}
	n := uint64(0)
	for _, r := range l.heldRanges() {
		first := r.First
		if r.Epoch == stored.Epoch {
			first = max(first, stored.Seq+1)
		}
		if r.Epoch >= stored.Epoch && first <= r.Last {
			n += r.Last - first + 1
		}
	}
	if l.beckoned && !l.greeted {
		n++
	}
	return int(n)
}

// Next implements uplink.Queue.
func (l *lane) Next(after dataplane.Mark, maxCount, maxBytes int) (*dataplane.Batch, *dataplane.Gap) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	at, some := l.behind(after)
	if !some || l.renaming {
		return nil, nil
	}
	if l.inMemory(at) == 0 {
		gap, held := l.gap(at)
		if gap != nil {
			l.hand(dataplane.Mark{Epoch: gap.Epoch, Seq: gap.To})
		}
		if !held {
			return nil, gap
		}
	}
	batch := &dataplane.Batch{
		Publisher: l.spool.publisher, Class: l.class, Epoch: at.Epoch, First: at.Seq, Messages: l.take(at, maxCount, maxBytes),
	}
	if len(batch.Messages) == 0 {
		return nil, nil
	}
	l.hand(dataplane.Mark{Epoch: at.Epoch, Seq: batch.Last()})
	return batch, nil
}

// take returns records from one on that is held, as many as are wanted and at
// hand.
func (l *lane) take(at dataplane.Mark, maxCount, maxBytes int) []dataplane.Message {
	if held := l.inMemory(at); held > 0 {
		from := int(at.Seq - l.first)
		n := fit(min(held, maxCount), maxBytes, func(i int) int { return l.records.at(from + i).Size() })
		return l.records.slice(from, n)
	}
	messages := l.backlog.from(at)
	n := fit(min(len(messages), maxCount), maxBytes, func(i int) int { return messages[i].Size() })
	return messages[:n:n]
}

// fit returns how many of n records, of the given sizes, are at most so many
// bytes together. The first always fits.
func fit(n, maxBytes int, size func(int) int) int {
	bytes := 0
	for i := range n {
		if bytes += size(i); i > 0 && bytes > maxBytes {
			return i
		}
	}
	return n
}

// hand notes that the cloud may have all up to a mark from now on.
func (l *lane) hand(last dataplane.Mark) {
	if last.Compare(l.handed) > 0 {
		l.handed = last
		l.holes.seal()
	}
}

// The reasons of gaps, for people.
const (
	reasonFull     = "the edge's spool was full"
	reasonOld      = "the edge's spool does not keep records that long"
	reasonFault    = "the edge's disk failed, and its memory was full"
	reasonDamaged  = "damaged on the edge's disk"
	reasonReleased = "the cloud lost what it had acknowledged"
)

// gap returns what stands in the place of the records from one on, if it is not
// in memory; held is true where it is in a segment instead.
func (l *lane) gap(at dataplane.Mark) (gap *dataplane.Gap, held bool) {
	if h := l.holes.at(at); h != nil {
		return h.gap(at.Seq), false
	}
	if s := l.segmentAt(at); s != nil {
		return nil, s.condemned == "" // else it becomes a hole in a moment
	}
	reason := reasonReleased
	if at.Compare(l.released) > 0 {
		reason = reasonDamaged
	}
	return &dataplane.Gap{Epoch: at.Epoch, From: at.Seq, To: l.beforeHeld(at), Reason: reason}, false
}

// segmentFrom returns the first segment of an epoch that ends at a record or
// behind it, nil if there is none.
func (l *lane) segmentFrom(at dataplane.Mark) *segment {
	i, _ := slices.BinarySearchFunc(l.segments, at, func(s *segment, at dataplane.Mark) int {
		return cmp.Or(cmp.Compare(s.epoch, at.Epoch), cmp.Compare(s.last, at.Seq))
	})
	if i < len(l.segments) && l.segments[i].epoch == at.Epoch {
		return l.segments[i]
	}
	return nil
}

// segmentAt returns the segment with a record, nil if there is none.
func (l *lane) segmentAt(at dataplane.Mark) *segment {
	if s := l.segmentFrom(at); s != nil && s.first <= at.Seq {
		return s
	}
	return nil
}

// beforeHeld returns the last record before the first behind one that is held
// or known to be lost.
func (l *lane) beforeHeld(at dataplane.Mark) uint64 {
	to := l.ready
	if at.Epoch == l.epoch {
		to = max(at.Seq, min(to, l.first-1))
	}
	if e, known := l.ends.of(at.Epoch); known {
		to = e.last
	}
	if s := l.segmentFrom(at); s != nil {
		to = min(to, s.first-1)
	}
	if h := l.holes.from(at); h != nil {
		to = min(to, h.from-1)
	}
	return to
}

// Waiting implements uplink.Queue. A gap does not wait for company, nor does
// what has waited on disk.
func (l *lane) Waiting(after dataplane.Mark, count, bytes int) (some, enough bool) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	at, some := l.behind(after)
	if !some {
		return false, false
	}
	held := l.inMemory(at)
	if held == 0 || held >= count {
		return true, true
	}
	sum, from := 0, int(at.Seq-l.first)
	for i := range held {
		if sum += l.records.at(from + i).Size(); sum >= bytes {
			return true, true
		}
	}
	return true, false
}

// Release implements uplink.Queue. A mark of an epoch that is above the
// lane's is of another spool.
func (l *lane) Release(durable dataplane.Mark) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	if !l.greeted {
		l.greeted, l.stranger = true, durable
		l.spool.nudgeAdopter()
	}
	if durable.Epoch > l.epoch || durable.Compare(l.released) <= 0 {
		return
	}
	l.released = durable
	if durable.Epoch == l.epoch {
		l.popTo(durable.Seq)
	}
	l.holes.release(durable)
	l.retire()
}

// firstHeld returns the first record of a segment that the cloud is not known
// to have.
func (l *lane) firstHeld(s *segment) uint64 {
	if s.epoch == l.released.Epoch {
		return max(s.first, l.released.Seq+1)
	}
	return s.first
}

// unreleased returns how many records of a segment the cloud is not known to
// have.
func (l *lane) unreleased(s *segment) uint64 {
	if from := l.firstHeld(s); s.epoch >= l.released.Epoch && from <= s.last {
		return s.last - from + 1
	}
	return 0
}
