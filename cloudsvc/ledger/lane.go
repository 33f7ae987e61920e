package ledger

import "slices"

// A Lane takes in what a log says of one class of one publisher, in the log's
// order.
type Lane struct {
	epochs []*tally
	holes  int
}

// tally is what a log says of one epoch.
type tally struct {
	epoch                   uint64
	stored, covered, events Spans // covered: stored or told to be lost
	twice, late             Spans
	trimmed                 Spans // what came where the log had holes, and is neither
	gaps                    []Gap
	end                     *End
	holes                   int // of the lane, when something was told last
}

// A Gap is sequences that the publisher told to be lost.
type Gap struct {
	Span
	Reason string `json:"reason"`
}

// An End is how a publisher told that an epoch ended.
type End struct {
	Last    uint64 `json:"last"`    // of what it accepted
	Unknown bool   `json:"unknown"` // what came behind that, if anything, is not known
	Reason  string `json:"reason,omitempty"`
}

// Hole says that the log has let go of blocks here, by its limits: nobody knows
// whether something of the lane was in them.
func (l *Lane) Hole() { l.holes++ }

// Stored takes a run of records.
func (l *Lane) Stored(epoch uint64, s Span) {
	t := l.tally(epoch)
	t.cross(l.holes, s.From)
	t.cover(s)
	t.stored.Add(s)
}

// Event takes records that are stored, and are of topics that a subscription to
// # does not get.
func (l *Lane) Event(epoch uint64, s Span) { l.tally(epoch).events.Add(s) }

// Lost takes a gap. One that goes on behind another of the same reason is one
// with it.
func (l *Lane) Lost(epoch uint64, g Gap) {
	t := l.tally(epoch)
	t.cross(l.holes, g.From)
	t.cover(g.Span)
	if n := len(t.gaps); n > 0 && t.gaps[n-1].To+1 == g.From && t.gaps[n-1].Reason == g.Reason {
		t.gaps[n-1].To = g.To
		return
	}
	t.gaps = append(t.gaps, g)
}

// Ended takes the end of an epoch. What is stored behind it makes it no end.
func (l *Lane) Ended(epoch uint64, e End) {
	t := l.tally(epoch)
	t.cross(l.holes, e.Last+1)
	t.end = &e
}

// Size returns about how many spans are kept.
func (l *Lane) Size() (n int) {
	for _, t := range l.epochs {
		n += 1 + len(t.covered) + len(t.gaps) + len(t.events) + len(t.twice) + len(t.late) + len(t.trimmed)
	}
	return n
}

// newest returns the epoch that began last, 0 if there is none.
func (l *Lane) newest() uint64 {
	if n := len(l.epochs); n > 0 {
		return l.epochs[n-1].epoch
	}
	return 0
}

func (l *Lane) tally(epoch uint64) *tally {
	if n := len(l.epochs); n > 0 && l.epochs[n-1].epoch == epoch {
		return l.epochs[n-1]
	}
	i, known := slices.BinarySearchFunc(l.epochs, epoch, func(t *tally, epoch uint64) int {
		switch {
		case t.epoch < epoch:
			return -1
		case t.epoch > epoch:
			return 1
		}
		return 0
	})
	if !known {
		l.epochs = slices.Insert(l.epochs, i, &tally{epoch: epoch})
	}
	return l.epochs[i]
}

// cross notes what is missing before the next sequence where holes came in
// between.
func (t *tally) cross(holes int, next uint64) {
	if from := t.last() + 1; holes > t.holes && next > from {
		t.trimmed.Add(Span{from, next - 1})
	}
	t.holes = holes
}

// cover notes what is told for the first time, twice, or late.
func (t *tally) cover(s Span) {
	t.end = nil
	for _, again := range t.covered.Within(s) {
		t.twice.Add(again)
	}
	if n := len(t.covered); n > 0 && s.From <= t.covered[n-1].To {
		for _, late := range t.covered.Missing(Span{s.From, min(s.To, t.covered[n-1].To)}) {
			t.late.Add(late)
		}
	}
	t.covered.Add(s)
}
