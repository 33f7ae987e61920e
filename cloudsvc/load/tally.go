package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"datastub/dataplane"
)

// Latencies are kept to three digits, from a microsecond to an hour; what is
// beyond counts as that.
const (
	minLatency = int64(time.Microsecond)
	maxLatency = int64(time.Hour)
	digits     = 3
)

// A Tally counts what arrives, and proves that it is all. It knows that a
// publisher numbers each class from 1 in each epoch, and each series by ones:
// so it has to be there before the first message. It may be used by many
// goroutines.
type Tally struct {
	mu      sync.Mutex
	lanes   map[dataplane.ID]*lane // by an id with no sequence
	total   uint64
	result  Result // since the last Cut, but for what Cut fills in
	latency *hdrhistogram.Histogram
}

// lane is one epoch of a publisher's class.
type lane struct {
	arrived spans
	series  map[string]uint64 // the last sequence of each
}

// NewTally returns a Tally of nothing.
func NewTally() *Tally {
	return &Tally{lanes: make(map[dataplane.ID]*lane), latency: hdrhistogram.New(minLatency, maxLatency, digits)}
}

// A Result is what arrived between two Cuts.
type Result struct {
	Received   uint64        `json:"received"`   // duplicates too
	Missing    uint64        `json:"missing"`    // in all, up to the last that has arrived
	Duplicates uint64        `json:"duplicates"` // by id
	OutOfOrder uint64        `json:"outOfOrder"` // by id: came after a later one
	Broken     uint64        `json:"broken"`     // did not have the next sequence of their series
	First      time.Time     `json:"first"`      // when the first was received
	Last       time.Time     `json:"last"`
	P50        time.Duration `json:"p50"` // of the time from the edge's reading to here
	P99        time.Duration `json:"p99"`
	Max        time.Duration `json:"max"`
}

// Complete tells whether nothing is missing, and all came once and in order.
func (r *Result) Complete() bool {
	return r.Missing == 0 && r.Duplicates == 0 && r.OutOfOrder == 0 && r.Broken == 0
}

// Add counts a message. Series may be empty: it then has no sequence. One that
// tells of a gap is passed over: what that lost is missing.
func (t *Tally) Add(a Arrival) {
	if a.ID.IsGap() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lane(a.ID)
	t.total++
	t.result.Received++
	switch l.arrived.add(a.ID.Seq) {
	case duplicate:
		t.result.Duplicates++
		return
	case late:
		t.result.OutOfOrder++
	}
	if last, known := l.series[a.Series]; known && a.Seq != last+1 {
		t.result.Broken++
	}
	if a.Series != "" {
		l.series[a.Series] = a.Seq
	}
	if t.result.First.IsZero() {
		t.result.First = a.At
	}
	t.result.Last = a.At
	took := int64(a.At.Sub(a.Time))
	_ = t.latency.RecordValue(min(max(took, minLatency), maxLatency)) // it is within the bounds
}

func (t *Tally) lane(id dataplane.ID) *lane {
	id.Seq = 0
	l := t.lanes[id]
	if l == nil {
		l = &lane{series: make(map[string]uint64)}
		t.lanes[id] = l
	}
	return l
}

// Received returns how many messages have arrived since the Tally was made.
func (t *Tally) Received() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total
}

// Cut returns what arrived since the Cut before, and counts anew from here;
// what has arrived is not forgotten.
func (t *Tally) Cut() Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.result
	for _, l := range t.lanes {
		r.Missing += l.arrived.missing()
	}
	if t.latency.TotalCount() > 0 {
		r.P50 = time.Duration(t.latency.ValueAtQuantile(50))
		r.P99 = time.Duration(t.latency.ValueAtQuantile(99))
		r.Max = time.Duration(t.latency.Max())
	}
	t.result = Result{}
	t.latency.Reset()
	return r
}
