package spool

import (
	"sort"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// lane is one class's records in a Memory, whose mutex guards it.
type lane struct {
	spool   *Memory
	class   dataplane.Class
	epoch   uint64
	first   uint64              // the sequence of records[0]
	records []dataplane.Message // never changed once appended: batches share them
	hole    hole
	// Counts since the start.
	accepted, lost uint64
}

var _ uplink.Queue = (*lane)(nil)

// hole is what was dropped from the front of a lane and is not yet known to
// be told.
type hole struct {
	from, to uint64 // to is 0: there is none
	series   map[seriesKey]*dataplane.SeriesRange
}

// next returns the sequence that the next record gets.
func (l *lane) next() uint64 { return l.first + uint64(len(l.records)) }

func (l *lane) push(msg dataplane.Message) {
	l.records = append(l.records, msg)
	l.accepted++
	l.spool.bytes += int64(msg.Size())
}

// drop drops the oldest record, and notes what is lost with it.
func (l *lane) drop() {
	msg := &l.records[0]
	h := &l.hole
	if h.to == 0 {
		*h = hole{from: l.first, series: make(map[seriesKey]*dataplane.SeriesRange)}
	}
	h.to = l.first
	key := seriesKey{msg.Namespace, msg.Topic, msg.Device}
	r := h.series[key]
	if r == nil {
		r = &dataplane.SeriesRange{Namespace: msg.Namespace, Topic: msg.Topic, Device: msg.Device, First: msg.Seq}
		h.series[key] = r
	}
	r.Last = msg.Seq
	r.Count++
	l.lost++
	l.pop(1)
}

// pop takes the n oldest records away. What they took of the slice is given
// back when it next grows, and at once when nothing is left.
func (l *lane) pop(n int) {
	for i := range n {
		l.spool.bytes -= int64(l.records[i].Size())
	}
	l.records = l.records[n:]
	l.first += uint64(n)
	if len(l.records) == 0 {
		l.records = nil
	}
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
		return nil, l.gap(want)
	}
	held := l.records[min(want-l.first, uint64(len(l.records))):]
	n, bytes := 0, 0
	for n < len(held) && n < maxCount && (n == 0 || bytes+held[n].Size() <= maxBytes) {
		bytes += held[n].Size()
		n++
	}
	if n == 0 {
		return nil, nil
	}
	return &dataplane.Batch{
		Publisher: l.spool.publisher, Class: l.class, Epoch: l.epoch, First: want, Messages: held[:n:n],
	}, nil
}

// behind returns the sequence behind a mark: a mark of another epoch is
// before all.
func (l *lane) behind(after dataplane.Mark) uint64 {
	if after.Epoch != l.epoch {
		return 1
	}
	return after.Seq + 1
}

// gap returns what stands in the place of the records from a sequence up to
// the first that is held: they were dropped, or the cloud had them once and
// has them no more.
func (l *lane) gap(from uint64) *dataplane.Gap {
	g := &dataplane.Gap{Epoch: l.epoch, From: from, To: l.first - 1, Reason: "the cloud lost what it had acknowledged"}
	if l.hole.to >= from {
		g.Reason = "the edge's memory was full"
		for _, r := range l.hole.series {
			g.Series = append(g.Series, *r)
		}
		sort.Slice(g.Series, func(i, j int) bool {
			a, b := g.Series[i], g.Series[j]
			return dataplane.Address(a.Namespace, a.Topic, a.Device) < dataplane.Address(b.Namespace, b.Topic, b.Device)
		})
	}
	return g
}

// Waiting implements uplink.Queue. A gap does not wait for company.
func (l *lane) Waiting(after dataplane.Mark, count, bytes int) (some, enough bool) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	want := l.behind(after)
	if want < l.first {
		return true, true
	}
	held := l.records[min(want-l.first, uint64(len(l.records))):]
	if len(held) >= count {
		return len(held) > 0, true
	}
	sum := 0
	for i := range held {
		sum += held[i].Size()
	}
	return len(held) > 0, sum >= bytes
}

// Release implements uplink.Queue.
func (l *lane) Release(durable dataplane.Mark) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	if durable.Epoch != l.epoch {
		return
	}
	if durable.Seq >= l.first {
		l.pop(int(min(durable.Seq-l.first+1, uint64(len(l.records)))))
	}
	if l.hole.to <= durable.Seq {
		l.hole = hole{}
	}
}

// Rebase implements uplink.Queue. The records begin anew with 1, behind the
// hole if there is one.
func (l *lane) Rebase(above uint64) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	l.epoch = max(l.epoch, above+1)
	shift := l.first - 1
	if l.hole.to != 0 {
		shift = l.hole.from - 1
		l.hole.from -= shift
		l.hole.to -= shift
	}
	l.first -= shift
}
