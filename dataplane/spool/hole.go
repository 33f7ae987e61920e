package spool

import (
	"slices"

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

// hole is what a lane has lost, records from to to of an epoch, and is not yet
// known to be durable in the cloud as a gap.
//
// The cloud may have had some of these records before they were dropped, so
// the hole can be told from any record on that was the last of a frame: what
// had been sent is noted record by record, the rest by series.
type hole struct {
	epoch    uint64
	reason   string
	from, to uint64
	parts    []part            // adjacent and rising; each is told as one gap
	open     map[seriesKey]int // index of the span that grows, in the last part
}

// part is a run of lost records that ends with to.
type part struct {
	to    uint64
	spans []span // by rising to; nil: not known, or not any more
	bytes int    // of the spans in a GAP
}

// span is what the records from to to of a lane were of one series.
type span struct {
	from, to uint64 // of the lane
	seriesCount
}

// add notes the next record as lost. It is kept apart if it had been sent.
func (h *hole) add(seq uint64, msg *dataplane.Message, sent bool) {
	h.to = seq
	c := seriesCount{key: keyOf(msg), first: msg.Seq, last: msg.Seq, count: 1}
	h.note(h.growing(), span{from: seq, to: seq, seriesCount: c}, sent)
}

// addRun notes the next records, up to one, as lost, by series; nil if that is
// not known. None had been sent.
func (h *hole) addRun(to uint64, counts []seriesCount) {
	from := h.to + 1
	h.to = to
	if counts == nil {
		h.parts = append(h.parts, part{to: to})
		h.open = nil
		return
	}
	p := h.growing()
	for _, c := range counts {
		h.note(p, span{from: from, to: to, seriesCount: c}, false)
	}
}

// note adds a span to the growing part, or to the one that grows there.
func (h *hole) note(p *part, s span, sent bool) {
	if i, known := h.open[s.key]; known && !sent {
		grown := &p.spans[i]
		grown.to, grown.last = s.to, s.last
		grown.count += s.count
		return
	}
	if !sent {
		h.open[s.key] = len(p.spans)
	}
	p.spans = append(p.spans, s)
	p.bytes += s.key.bytes()
}

// growing returns the last part, which reaches to the hole's end; or a new one
// if that is full.
func (h *hole) growing() *part {
	if n := len(h.parts); n == 0 || h.parts[n-1].bytes >= maxPartBytes || h.parts[n-1].spans == nil {
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
	p := &h.parts[len(h.parts)-1]
	p.to = h.to
	return p
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

// release forgets what is up to a sequence, and tells whether that is all.
func (h *hole) release(seq uint64) bool {
	if seq >= h.to {
		return true
	}
	if seq >= h.from {
		h.from = seq + 1
		h.parts = slices.DeleteFunc(h.parts, func(p part) bool { return p.to <= seq })
	}
	return false
}

// move takes a number off all sequences of the lane, and adds one to the
// epoch.
func (h *hole) move(epochs, shift uint64) {
	h.epoch += epochs
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

// gap returns what stands in the place of the hole's records from one on, up
// to the end of the part that it is in.
func (h *hole) gap(from uint64) *dataplane.Gap {
	i := slices.IndexFunc(h.parts, func(p part) bool { return p.to >= from })
	p := h.parts[i]
	return &dataplane.Gap{Epoch: h.epoch, From: from, To: p.to, Reason: h.reason, Series: p.lost(from)}
}

// lost returns what was lost from a record on, by series, nil if that is not
// known.
func (p *part) lost(from uint64) []dataplane.SeriesRange {
	if p.straddles(from) {
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(p.spans), func(s span) bool { return s.to < from })
	var series []dataplane.SeriesRange
	for _, s := range bySeries(rest) {
		series = append(series, dataplane.SeriesRange{
			Namespace: s.key.namespace, Topic: s.key.topic, Device: s.key.device,
			First: s.first, Last: s.last, Count: s.count,
		})
	}
	return series
}

// straddles tells whether a span begins before a record and ends behind it:
// what of it is lost from there on is not known.
func (p *part) straddles(from uint64) bool {
	return slices.ContainsFunc(p.spans, func(s span) bool { return s.from < from && s.to >= from })
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
