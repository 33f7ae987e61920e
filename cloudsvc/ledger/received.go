package ledger

import (
	"cmp"
	"slices"

	"datastub/dataplane"
)

// Received is what a subscription to # got, in its order: messages, and those
// that tell of gaps.
type Received struct {
	lanes  map[laneKey]*receivedLane
	series map[seriesKey]uint64 // the last seq
	gaps   map[dataplane.ID]struct{}
	faults []Fault
	count  int
}

type laneKey struct {
	publisher string
	class     dataplane.Class
}

type seriesKey struct {
	laneKey
	namespace, topic, device string
}

// receivedLane is what came of one lane.
type receivedLane struct {
	first, last    dataplane.Mark    // the furthest
	messages, lost map[uint64]*Spans // by epoch
}

// A Fault is something that is wrong with what a subscriber got.
type Fault struct {
	Kind      FaultKind       `json:"kind"`
	Publisher string          `json:"publisher"`
	Class     dataplane.Class `json:"class"`
	Epoch     uint64          `json:"epoch"`
	Span
}

// FaultKind tells what is wrong.
type FaultKind string

// The kinds of faults.
const (
	NotDelivered FaultKind = "not delivered"          // stored, and did not come
	NotTold      FaultKind = "lost and not told"      // a gap that is stored, and did not come
	CameTwice    FaultKind = "delivered twice"        // the same message, or the same line of a gap
	OutOfOrder   FaultKind = "delivered out of order" // behind a later one of its lane or series
	NotStored    FaultKind = "delivered, not stored"  // nothing in the log tells of it
)

// NewReceived returns one that has got nothing.
func NewReceived() *Received {
	return &Received{
		lanes: make(map[laneKey]*receivedLane), series: make(map[seriesKey]uint64), gaps: make(map[dataplane.ID]struct{}),
	}
}

// Count returns how many messages came, gaps among them.
func (r *Received) Count() int { return r.count }

// Add takes the next message.
func (r *Received) Add(m *dataplane.Message) {
	r.count++
	key := laneKey{m.ID.Publisher, m.ID.Class}
	l := r.lanes[key]
	at := dataplane.Mark{Epoch: m.ID.Epoch, Seq: m.ID.Seq}
	if l == nil {
		l = &receivedLane{first: at, messages: make(map[uint64]*Spans), lost: make(map[uint64]*Spans)}
		r.lanes[key] = l
	}
	span := Span{m.ID.Seq, m.ID.Seq}
	switch {
	case m.ID.IsGap():
		r.addGap(l, m.ID)
		return
	case len(of(l.messages, at.Epoch).Within(span)) > 0:
		r.fault(CameTwice, m.ID, span)
		return
	case at.Compare(l.last) < 0, !r.rises(key, m):
		r.fault(OutOfOrder, m.ID, span)
	}
	l.advance(at)
	of(l.messages, at.Epoch).Add(span)
}

// rises tells whether a message's seq is behind that of the one of its series
// before it.
func (r *Received) rises(lane laneKey, m *dataplane.Message) bool {
	key := seriesKey{lane, m.Namespace, m.Topic, m.Device}
	last := r.series[key]
	r.series[key] = max(last, m.Seq)
	return m.Seq == 0 || m.Seq > last
}

// addGap takes one line of a gap: others may tell of the same records.
func (r *Received) addGap(l *receivedLane, id dataplane.ID) {
	span := Span{id.Seq, id.Through}
	if id.Through == dataplane.Open {
		span.To = id.Seq
	}
	if _, known := r.gaps[id]; known {
		r.fault(CameTwice, id, span)
		return
	}
	r.gaps[id] = struct{}{}
	if (dataplane.Mark{Epoch: id.Epoch, Seq: id.Seq}).Compare(l.last) < 0 && id.Line == 1 {
		r.fault(OutOfOrder, id, span)
	}
	if id.Through == dataplane.Open { // it holds the place of no record
		l.advance(dataplane.Mark{Epoch: id.Epoch, Seq: id.Seq - 1})
		return
	}
	l.advance(dataplane.Mark{Epoch: id.Epoch, Seq: id.Through})
	of(l.lost, id.Epoch).Add(span)
}

func (l *receivedLane) advance(to dataplane.Mark) {
	if to.Compare(l.last) > 0 {
		l.last = to
	}
}

func of(spans map[uint64]*Spans, epoch uint64) *Spans {
	ss := spans[epoch]
	if ss == nil {
		ss = new(Spans)
		spans[epoch] = ss
	}
	return ss
}

func (r *Received) fault(kind FaultKind, id dataplane.ID, s Span) {
	r.faults = append(r.faults, Fault{kind, id.Publisher, id.Class, id.Epoch, s})
}

// Check holds what came, of each publisher and class from the first to the last
// message of it, against what is stored, and returns all that is wrong.
func (r *Received) Check(stored *Ledger) []Fault {
	faults := slices.Clone(r.faults)
	accounts := make(map[laneKey]*Account)
	for i := range stored.Accounts {
		a := &stored.Accounts[i]
		accounts[laneKey{a.Publisher, a.Class}] = a
	}
	for key, l := range r.lanes {
		a := accounts[key]
		if a == nil {
			a = &Account{Publisher: key.publisher, Class: key.class}
		}
		faults = append(faults, l.check(a, stored.Log[key.class])...)
	}
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Publisher, b.Publisher), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.From, b.From))
	})
	return faults
}

// check holds a lane against its account, as far as the log was read.
func (l *receivedLane) check(a *Account, log Reading) (faults []Fault) {
	add := func(kind FaultKind, epoch uint64, spans Spans) {
		for _, s := range spans {
			faults = append(faults, Fault{kind, a.Publisher, a.Class, epoch, s})
		}
	}
	for i := range a.Epochs {
		e := &a.Epochs[i]
		within, some := l.within(e.Epoch)
		if !some {
			continue
		}
		var gaps Spans
		for _, g := range e.Gaps {
			gaps.Add(g.Span)
		}
		messages, lost := *of(l.messages, e.Epoch), *of(l.lost, e.Epoch)
		add(NotDelivered, e.Epoch, e.Ranges.Within(within).Without(messages).Without(e.Events))
		add(NotTold, e.Epoch, gaps.Within(within).Without(lost))
	}
	for epoch, messages := range l.messages {
		add(NotStored, epoch, messages.Without(a.mayHaveStored(epoch, log)))
	}
	return faults
}

// mayHaveStored returns what is stored of an epoch, and what may have been:
// what the log has let go of, or all where its end was not read.
func (a *Account) mayHaveStored(epoch uint64, log Reading) Spans {
	all := Spans{{1, dataplane.Open - 1}}
	i := slices.IndexFunc(a.Epochs, func(e Epoch) bool { return e.Epoch == epoch })
	switch {
	case !log.Complete():
		return all
	case i >= 0:
		stored := slices.Clone(a.Epochs[i].Ranges)
		if trimmed := a.Epochs[i].Trimmed; trimmed > 0 {
			stored.Add(Span{1, trimmed})
		}
		return stored
	case log.Trimmed() && (len(a.Epochs) == 0 || epoch < a.Epochs[0].Epoch):
		return all
	}
	return nil
}

// within returns which sequences of an epoch are to have come.
func (l *receivedLane) within(epoch uint64) (s Span, some bool) {
	s = Span{1, dataplane.Open - 1}
	if epoch == l.first.Epoch {
		s.From = l.first.Seq
	}
	if epoch == l.last.Epoch {
		s.To = l.last.Seq
	}
	return s, l.first.Epoch <= epoch && epoch <= l.last.Epoch && s.From <= s.To
}
