package spool

import (
	"slices"
	"unsafe"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// lane is one class's records in a Spool, whose mutex guards it. What is in
// memory is the newest records of the epoch that records are now accepted
// under; what is in segments may be older, of older epochs, or the same.
//
//	        released                     written       ready     next
//	segments    [-----------------------------]          |         |
//	in memory                        [-------------------|---------|
//	                               first              accepted  being written
type lane struct {
	spool    *Spool
	class    dataplane.Class
	epoch    uint64
	first    uint64 // the sequence of the oldest record in memory
	records  records
	bytes    int64          // of records in memory
	ready    uint64         // the last record that is accepted
	written  uint64         // the last record that is in a segment
	handed   dataplane.Mark // the highest that Next has given away
	released dataplane.Mark // what the cloud is known to have

	segments []*segment // rising
	active   *segment   // the last one, while it is written to; nil: none is
	durable  bool       // the epoch stands in a segment that was synced
	spent    []*segment // to be removed
	holes    holes
	ends     []ending // how the epochs before ended, those that anything is held of and one before
	backlog  backlog
	unsure   bool // at the start: records may have been accepted that are not found

	// Counts since the start.
	accepted, dropped Amount
	damaged           uint64
}

var _ uplink.Queue = (*lane)(nil)

// cost is how many bytes a record takes in memory, with all that it points to
// as if nothing of it were shared.
func cost(msg *dataplane.Message) int64 { return int64(unsafe.Sizeof(*msg)) + int64(msg.Size()) }

// amountOf returns one record's amount.
func amountOf(msg *dataplane.Message) Amount { return Amount{Records: 1, Bytes: uint64(cost(msg))} }

// next returns the sequence that the next record gets.
func (l *lane) next() uint64 { return l.first + uint64(l.records.len()) }

func (l *lane) push(msg *dataplane.Message) {
	l.records.push(msg)
	amount := amountOf(msg)
	l.accepted.add(amount)
	l.bytes += int64(amount.Bytes)
	l.spool.bytes += int64(amount.Bytes)
}

// drop drops the oldest record, which is in memory only, and notes what is lost
// with it.
func (l *lane) drop() {
	at := dataplane.Mark{Epoch: l.epoch, Seq: l.first}
	reason := reasonFull
	if l.spool.folder != nil {
		reason = reasonFault
	}
	l.holes.grow(at, reason).add(l.first, l.records.at(0), at.Compare(l.handed) <= 0)
	l.dropped.add(amountOf(l.records.at(0)))
	l.pop(1)
}

// pop takes the n oldest records out of memory.
func (l *lane) pop(n int) {
	var bytes int64
	for i := range n {
		bytes += cost(l.records.at(i))
	}
	l.bytes -= bytes
	l.spool.bytes -= bytes
	l.records.pop(n)
	l.first += uint64(n)
}

// popTo takes the records up to a sequence out of memory, none that is not
// accepted.
func (l *lane) popTo(seq uint64) {
	if seq = min(seq, l.ready); seq >= l.first {
		l.pop(int(seq - l.first + 1))
	}
}

// inMemory returns how many accepted records are in memory from one on, 0 if
// that one is not.
func (l *lane) inMemory(at dataplane.Mark) int {
	if at.Epoch != l.epoch || at.Seq < l.first || at.Seq > l.ready {
		return 0
	}
	return int(l.ready - at.Seq + 1)
}

// behind returns where the record behind a mark is; false if there is none. A
// mark of an epoch that nothing is known of is before all that is held of
// higher ones.
func (l *lane) behind(after dataplane.Mark) (dataplane.Mark, bool) {
	if after.Epoch != l.epoch {
		for _, e := range l.ends {
			switch {
			case e.epoch == after.Epoch && after.Seq < e.last:
				return dataplane.Mark{Epoch: e.epoch, Seq: after.Seq + 1}, true
			case e.epoch > after.Epoch && l.holds(e.epoch):
				return dataplane.Mark{Epoch: e.epoch, Seq: 1}, true
			}
		}
		after = dataplane.Mark{Epoch: l.epoch}
	}
	after.Seq++
	return after, after.Seq <= l.ready
}

// holds tells whether anything is held of an epoch, a hole at least.
func (l *lane) holds(epoch uint64) bool {
	return slices.ContainsFunc(l.segments, func(s *segment) bool { return s.epoch == epoch && l.unreleased(s) > 0 }) ||
		slices.ContainsFunc(l.holes, func(h *hole) bool { return h.epoch == epoch })
}

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
	var held []dataplane.EpochRange
	for _, e := range l.ends {
		if l.holds(e.epoch) {
			held = append(held, dataplane.EpochRange{Epoch: e.epoch, First: l.oldest(e.epoch, e.last+1), Last: e.last})
		}
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
	for _, s := range l.segments {
		if s.epoch == epoch && l.unreleased(s) > 0 {
			return min(l.firstHeld(s), orElse)
		}
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
func (l *lane) Ended(epoch uint64) (last uint64, exact bool) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	for _, e := range l.ends {
		if e.epoch == epoch {
			return e.last, e.exact
		}
	}
	return 0, false
}

// Next implements uplink.Queue.
func (l *lane) Next(after dataplane.Mark, maxCount, maxBytes int) (*dataplane.Batch, *dataplane.Gap) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	at, some := l.behind(after)
	if !some {
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

// segmentAt returns the segment with a record, nil if there is none.
func (l *lane) segmentAt(at dataplane.Mark) *segment {
	for _, s := range l.segments {
		if s.epoch == at.Epoch && s.first <= at.Seq && at.Seq <= s.last {
			return s
		}
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
	for _, e := range l.ends {
		if e.epoch == at.Epoch {
			to = e.last
		}
	}
	for _, s := range l.segments {
		if s.epoch == at.Epoch && s.first > at.Seq {
			to = min(to, s.first-1)
		}
	}
	for _, h := range l.holes {
		if h.epoch == at.Epoch && h.from > at.Seq {
			to = min(to, h.from-1)
		}
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

// retire gives up the segments of which the cloud has all, and forgets the
// epochs that nothing is held of, but the last. The last segment stays: who the
// spool is and which epochs were given shall not stand in the checkpoint alone.
func (l *lane) retire() {
	l.giveUp(func(s *segment) bool { return l.unreleased(s) == 0 })
	n := len(l.ends)
	l.ends = slices.DeleteFunc(l.ends, func(e ending) bool {
		n--
		return n > 0 && !l.holds(e.epoch)
	})
}

// giveUp gives up the segments that are done with, all but the last.
func (l *lane) giveUp(done func(*segment) bool) {
	more := len(l.segments)
	l.segments = slices.DeleteFunc(l.segments, func(s *segment) bool {
		more--
		gone := more > 0 && done(s)
		if gone {
			l.spend(s)
		}
		return gone
	})
}
