package main

import (
	"cmp"
	"slices"
	"time"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
)

const (
	maxFlows   = 1000 // that are told apart: beyond, messages count as others
	maxSamples = 1024 // latencies that a flow keeps of an interval: the newest
)

// A flow is the messages of one topic from one node, or of several.
type flow struct {
	messages, bytes int // in this interval
	missing, lost   uint64
	latencies       []time.Duration // a ring of maxSamples, in this interval
	value           dataplane.Value // of the last one
	unit            string
	at              time.Time // when it came
}

// flowKey is what flows are told apart by.
type flowKey struct{ topic, node string }

func (f *flow) add(e *client.Event, missing uint64, now time.Time) {
	latency := now.Sub(e.Time)
	if len(f.latencies) < maxSamples {
		f.latencies = append(f.latencies, latency)
	} else {
		f.latencies[f.messages%maxSamples] = latency
	}
	f.messages++
	f.bytes += len(e.JSON)
	f.missing += missing
	f.value, f.unit, f.at = brief(e.Value), e.Unit, now
}

// addLoss counts what a gap tells of: it is no value, and takes no time.
func (f *flow) addLoss(missing, lost uint64) {
	f.missing += missing
	f.lost += lost
}

// brief cuts long values, of which there may be many at once.
func brief(v dataplane.Value) dataplane.Value {
	if v.Type() != dataplane.String && v.Type() != dataplane.Bytes {
		return v
	}
	if text := v.String(); len(text) > maxText {
		return dataplane.StringValue(clip(text))
	}
	return v
}

// used tells whether anything was ever added.
func (f *flow) used() bool { return !f.at.IsZero() || f.lost > 0 }

// begin begins an interval.
func (f *flow) begin() {
	f.messages, f.bytes, f.latencies = 0, 0, f.latencies[:0]
}

// flows are all messages, in memory that is bounded.
type flows struct {
	since time.Time // this interval's begin
	kept  map[flowKey]*flow
	other flow // of those for which there was no room
	total flow
	seqs  *sequences
}

func newFlows(now time.Time) *flows {
	return &flows{since: now, kept: make(map[flowKey]*flow), seqs: newSequences()}
}

func (s *flows) add(e *client.Event, now time.Time) {
	missing := s.seqs.missing(&e.Message)
	loss, is := e.Loss()
	switch {
	case !is:
		s.flow(flowKey{e.Topic, e.Node}).add(e, missing, now)
		s.total.add(e, missing, now)
	case loss.Topic != "": // else it is missing, in the flows that it will be found to be of
		s.flow(flowKey{loss.Topic, e.Node}).addLoss(missing, loss.Count)
		s.total.addLoss(missing, loss.Count)
	}
}

// flow returns the one of a key, a new one where there is room.
func (s *flows) flow(key flowKey) *flow {
	f := s.kept[key]
	switch {
	case f != nil:
		return f
	case len(s.kept) == maxFlows:
		return &s.other
	}
	f = &flow{}
	s.kept[key] = f
	return f
}

// next ends an interval and begins another. Where no room is left, flows that
// were silent make some.
func (s *flows) next(now time.Time) rates {
	span := now.Sub(s.since)
	r := rates{Time: now.UTC(), Seconds: seconds(span), Total: s.total.rate(flowKey{}, span, now)}
	if s.other.used() {
		other := s.other.rate(flowKey{}, span, now)
		r.Others = &other
	}
	full := len(s.kept) == maxFlows
	r.Flows = make([]rate, 0, len(s.kept))
	for key, f := range s.kept {
		r.Flows = append(r.Flows, f.rate(key, span, now))
		if full && f.messages == 0 {
			delete(s.kept, key)
		}
		f.begin()
	}
	slices.SortFunc(r.Flows, func(a, b rate) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Node, b.Node))
	})
	s.other.begin()
	s.total.begin()
	s.since = now
	return r
}

// rate sums an interval up.
func (f *flow) rate(key flowKey, span time.Duration, now time.Time) rate {
	r := rate{
		Topic: key.topic, Node: key.node, Messages: f.messages, Missing: f.missing, Lost: f.lost,
		PerSecond: float64(f.messages) / span.Seconds(), BytesPerSecond: float64(f.bytes) / span.Seconds(),
	}
	if key != (flowKey{}) {
		r.Value, r.Unit = &lastValue{f.value}, f.unit
	}
	if !f.at.IsZero() {
		r.Age = new(seconds(now.Sub(f.at)))
	}
	if len(f.latencies) > 0 {
		slices.Sort(f.latencies)
		r.P50, r.P99 = new(percentile(f.latencies, 50)), new(percentile(f.latencies, 99))
	}
	return r
}

// percentile returns the one of the sorted values that so many in a hundred do
// not exceed.
func percentile(sorted []time.Duration, percent int) seconds {
	return seconds(sorted[(len(sorted)*percent+99)/100-1])
}
