package spool

import (
	"unsafe"

	"datastub/dataplane"
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

	segments []*segment // rising; the first of them may be kept though the cloud has all of them, see retire
	active   *segment   // the last one, while it is written to; nil: none is
	durable  bool       // the epoch stands in a segment that was synced
	kept     int        // segments of which the cloud has all
	spent    []*segment // to be removed
	renaming bool       // files have not yet the names of a rebase: nothing is given away
	holes    holes
	ends     endings // how the epochs before ended
	backlog  backlog
	unsure   bool // at the start: records may have been accepted that are not found

	greeted  bool           // the cloud has told what it has
	beckoned bool           // the cloud is to tell what it has, though there is nothing to send
	stranger dataplane.Mark // what the cloud had when it first told
	parked   *lane          // of a folder that turned up late: what comes behind this epoch

	// Counts since the start.
	accepted, dropped Amount
	damaged           uint64
}

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
	if l.spool.OnDisk() {
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
// mark of an epoch that nothing is known of is before all of higher ones.
func (l *lane) behind(after dataplane.Mark) (dataplane.Mark, bool) {
	if after.Epoch != l.epoch {
		if at, some := l.ends.behind(after); some {
			return at, true
		}
		after = dataplane.Mark{Epoch: l.epoch}
	}
	after.Seq++
	return after, after.Seq <= l.ready
}

// holds tells whether anything is held of an epoch, a hole at least.
func (l *lane) holds(epoch uint64) bool {
	first := dataplane.Mark{Epoch: epoch, Seq: 1}
	return l.segmentFrom(first) != nil || l.holes.from(first) != nil
}
