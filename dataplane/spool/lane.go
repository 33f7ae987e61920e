package spool

import (
	"unsafe"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// lane is one class's records in a Memory, whose mutex guards it.
type lane struct {
	spool   *Memory
	class   dataplane.Class
	epoch   uint64
	first   uint64 // the sequence of the oldest record
	records records
	handed  uint64 // the highest sequence that Next has given away
	hole    hole
	held    Amount // of records
	// Counts since the start.
	accepted, dropped Amount
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
	l.held.add(amount)
	l.spool.bytes += int64(amount.Bytes)
}

// drop drops the oldest record, and notes what is lost with it.
func (l *lane) drop() {
	l.hole.add(l.first, l.records.at(0), l.first <= l.handed)
	l.dropped.add(amountOf(l.records.at(0)))
	l.pop(1)
}

// pop takes the n oldest records away.
func (l *lane) pop(n int) {
	for i := range n {
		amount := amountOf(l.records.at(i))
		l.held.sub(amount)
		l.spool.bytes -= int64(amount.Bytes)
	}
	l.records.pop(n)
	l.first += uint64(n)
}

// Held implements uplink.Queue.
func (l *lane) Held() []dataplane.EpochRange {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	return []dataplane.EpochRange{{Epoch: l.epoch, First: l.first, Last: l.next() - 1}}
}

// Next implements uplink.Queue.
func (l *lane) Next(after dataplane.Mark, maxCount, maxBytes int) (*dataplane.Batch, *dataplane.Gap) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	want := l.behind(after)
	if want < l.first {
		gap := l.gap(want)
		l.hand(gap.To)
		return nil, gap
	}
	from, held := l.from(want)
	n, bytes := 0, 0
	for n < held && n < maxCount {
		size := l.records.at(from + n).Size()
		if n > 0 && bytes+size > maxBytes {
			break
		}
		bytes += size
		n++
	}
	if n == 0 {
		return nil, nil
	}
	batch := &dataplane.Batch{
		Publisher: l.spool.publisher, Class: l.class, Epoch: l.epoch, First: want, Messages: l.records.slice(from, n),
	}
	l.hand(batch.Last())
	return batch, nil
}

// hand notes that the cloud may have all up to a sequence from now on.
func (l *lane) hand(last uint64) {
	if last > l.handed {
		l.handed = last
		l.hole.seal()
	}
}

// behind returns the sequence behind a mark: a mark of another epoch is
// before all.
func (l *lane) behind(after dataplane.Mark) uint64 {
	if after.Epoch != l.epoch {
		return 1
	}
	return after.Seq + 1
}

// from returns where the record of a sequence is, which is not below the first,
// and how many there are from there on.
func (l *lane) from(seq uint64) (index, held int) {
	index = int(min(seq-l.first, uint64(l.records.len())))
	return index, l.records.len() - index
}

// gap returns what stands in the place of the records from a sequence on that
// are not held: they were dropped, or the cloud had them once and has them no
// more.
func (l *lane) gap(from uint64) *dataplane.Gap {
	if h := &l.hole; h.from <= from && from <= h.to {
		to, series := h.tell(from)
		return &dataplane.Gap{Epoch: l.epoch, From: from, To: to, Reason: "the edge's memory was full", Series: series}
	}
	to := l.first - 1
	if l.hole.from > from {
		to = l.hole.from - 1
	}
	return &dataplane.Gap{Epoch: l.epoch, From: from, To: to, Reason: "the cloud lost what it had acknowledged"}
}

// Waiting implements uplink.Queue. A gap does not wait for company.
func (l *lane) Waiting(after dataplane.Mark, count, bytes int) (some, enough bool) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	want := l.behind(after)
	if want < l.first {
		return true, true
	}
	from, held := l.from(want)
	if held == 0 || held >= count {
		return held > 0, held > 0
	}
	sum := 0
	for i := range held {
		if sum += l.records.at(from + i).Size(); sum >= bytes {
			return true, true
		}
	}
	return true, false
}

// Release implements uplink.Queue.
func (l *lane) Release(durable dataplane.Mark) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	if durable.Epoch != l.epoch {
		return
	}
	if durable.Seq >= l.first {
		l.pop(int(min(durable.Seq-l.first+1, uint64(l.records.len()))))
	}
	l.hole.release(durable.Seq)
}

// Rebase implements uplink.Queue. The records begin anew with 1, behind the
// hole if there is one.
func (l *lane) Rebase(above uint64) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	if l.epoch > above {
		return // renumbered within an epoch, records would pass for others
	}
	l.epoch = above + 1
	l.handed = 0
	shift := l.first - 1
	if l.hole.to != 0 {
		shift = l.hole.from - 1
		l.hole.move(shift)
	}
	l.first -= shift
}
