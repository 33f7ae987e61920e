package spool

import (
	"slices"
	"strings"

	"datastub/dataplane"
)

const (
	// maxPartBytes is about how large a part's series are in a GAP, which must
	// fit a frame: some 10,000 series of common names.
	maxPartBytes = dataplane.MaxFrame / 8
	// maxParts bounds a hole's memory, at some 8 MiB. When there are more, the
	// two oldest become one.
	maxParts = 4
)

// hole is what was dropped from the front of a lane, records from to to, and
// is not yet known to be durable in the cloud as a gap. The zero hole is none.
//
// The cloud may have had some of these records before they were dropped, so
// the hole can be told from any record on that was the last of a frame: what
// had been sent is noted record by record, the rest by series.
type hole struct {
	from, to uint64
	parts    []part            // adjacent and rising; each is told as one gap
	open     map[seriesKey]int // index of the span that grows, in the last part
}

// part is a run of dropped records that ends with to.
type part struct {
	to    uint64
	spans []span // by rising to; nil: not known any more
	bytes int    // of the spans in a GAP
}

// span is what the records from to to of a lane were of one series.
type span struct {
	key                seriesKey
	from, to           uint64 // of the lane
	first, last, count uint64 // of the series
}

// add notes the next record as dropped. It is kept apart if it had been sent.
func (h *hole) add(seq uint64, msg *dataplane.Message, sent bool) {
	if h.to == 0 {
		h.from = seq
	}
	h.to = seq
	p := h.growing()
	p.to = seq
	key := seriesKey{msg.Namespace, msg.Topic, msg.Device}
	if i, known := h.open[key]; known && !sent {
		s := &p.spans[i]
		s.to, s.last = seq, msg.Seq
		s.count++
		return
	}
	if !sent {
		h.open[key] = len(p.spans)
	}
	p.spans = append(p.spans, span{key: key, from: seq, to: seq, first: msg.Seq, last: msg.Seq, count: 1})
	p.bytes += key.bytes()
}

// growing returns the last part, or a new one if that is full.
func (h *hole) growing() *part {
	if n := len(h.parts); n == 0 || h.parts[n-1].bytes >= maxPartBytes {
		h.parts = append(h.parts, part{})
		h.open = nil
	}
	if h.open == nil {
		h.open = make(map[seriesKey]int)
	}
	if len(h.parts) > maxParts {
		h.parts[1] = merge(h.parts[0], h.parts[1])
		h.parts = slices.Delete(h.parts, 0, 1)
	}
	return &h.parts[len(h.parts)-1]
}

// merge joins two parts, at the price that they can only be told as a whole;
// where that is still too large, the series are forgotten.
func merge(a, b part) part {
	merged := part{to: b.to}
	if a.spans == nil || b.spans == nil {
		return merged
	}
	merged.spans = bySeries(slices.Concat(a.spans, b.spans))
	for _, s := range merged.spans {
		merged.bytes += s.key.bytes()
	}
	if merged.bytes > maxPartBytes {
		return part{to: b.to}
	}
	return merged
}

// seal makes what is added from here on be told apart from what there is.
func (h *hole) seal() { h.open = nil }

// release forgets what is up to a sequence.
func (h *hole) release(seq uint64) {
	if seq >= h.to {
		*h = hole{}
		return
	}
	if seq < h.from {
		return
	}
	h.from = seq + 1
	h.parts = slices.DeleteFunc(h.parts, func(p part) bool { return p.to <= seq })
}

// move takes a number off all sequences of the lane.
func (h *hole) move(shift uint64) {
	h.from -= shift
	h.to -= shift
	for i := range h.parts {
		p := &h.parts[i]
		p.to -= shift
		for j := range p.spans {
			p.spans[j].from -= shift
			p.spans[j].to -= shift
		}
	}
}

// tell returns the end of the part that a sequence is in, and what was lost
// from there on, by series.
func (h *hole) tell(from uint64) (to uint64, series []dataplane.SeriesRange) {
	i := slices.IndexFunc(h.parts, func(p part) bool { return p.to >= from })
	p := h.parts[i]
	lost := slices.DeleteFunc(slices.Clone(p.spans), func(s span) bool { return s.to < from })
	for _, s := range bySeries(lost) {
		series = append(series, dataplane.SeriesRange{
			Namespace: s.key.namespace, Topic: s.key.topic, Device: s.key.device,
			First: s.first, Last: s.last, Count: s.count,
		})
	}
	return p.to, series
}

// bySeries joins the spans of each series, and sorts them by series.
func bySeries(spans []span) []span {
	index := make(map[seriesKey]int)
	joined := spans[:0:0]
	for _, s := range spans {
		i, known := index[s.key]
		if !known {
			index[s.key] = len(joined)
			joined = append(joined, s)
			continue
		}
		j := &joined[i]
		j.from, j.to = min(j.from, s.from), max(j.to, s.to)
		j.first, j.last = min(j.first, s.first), max(j.last, s.last)
		j.count += s.count
	}
	slices.SortFunc(joined, func(a, b span) int { return a.key.compare(b.key) })
	return joined
}

// seriesKey names a series of the spool's node.
type seriesKey struct{ namespace, topic, device string }

// bytes is about how large a series is in a GAP, and at most.
func (k seriesKey) bytes() int { return len(k.namespace) + len(k.topic) + len(k.device) + 40 }

func (k seriesKey) compare(o seriesKey) int {
	if c := strings.Compare(k.namespace, o.namespace); c != 0 {
		return c
	}
	if c := strings.Compare(k.topic, o.topic); c != 0 {
		return c
	}
	return strings.Compare(k.device, o.device)
}
