package ledger

import "fmt"

// An Epoch is the proof of what a publisher accepted of one class from one start
// to the next.
type Epoch struct {
	Epoch    uint64  `json:"epoch"`
	Verdict  Verdict `json:"verdict"`
	Detail   string  `json:"detail,omitempty"`   // why, for people
	Stored   uint64  `json:"stored"`             // messages
	Lost     uint64  `json:"lost"`               // messages, by the gaps
	Trimmed  uint64  `json:"trimmed"`            // messages that limits took from the log, or their gaps
	Accepted *uint64 `json:"accepted,omitempty"` // the last that the publisher told to have accepted
	OnTheWay uint64  `json:"onTheWay"`           // messages accepted, and not stored yet
	End      *End    `json:"end,omitempty"`      // as the log has it
	Ranges   Spans   `json:"ranges"`             // stored
	Gaps     []Gap   `json:"gaps"`
	Events   Spans   `json:"events,omitempty"` // of Ranges, those of $events topics
	Missing  Spans   `json:"missing,omitempty"`
	Twice    Spans   `json:"twice,omitempty"`
	Late     Spans   `json:"late,omitempty"`
}

// Known is what is known of a lane besides what the log holds of it.
type Known struct {
	Trimmed bool // the log has let go of its beginning
	Cut     bool // the log was not read to its end
	Online  bool // the publisher is
	// Numbered says that cloudsvc itself numbers what it takes in, and calls
	// nothing accepted that is not stored: what was published over HTTP.
	Numbered bool
	// Epoch and Last are what the publisher told last to have accepted; 0 if it
	// told nothing.
	Epoch, Last uint64
}

// Prove judges each epoch, the oldest first. One of which the log has nothing is
// there, too, where the publisher tells of it and the log would have it.
func (l *Lane) Prove(k Known) []Epoch {
	epochs := make([]Epoch, len(l.epochs))
	for i, t := range l.epochs {
		if k.Epoch == t.epoch && !k.Cut {
			t.cross(l.holes, k.Last+1)
		}
		epochs[i] = t.prove(k, i == 0 && k.Trimmed, i == len(l.epochs)-1)
	}
	if k.Last > 0 && k.Epoch > l.newest() && !k.Trimmed && !k.Cut && l.holes == 0 {
		begun := tally{epoch: k.Epoch}
		epochs = append(epochs, begun.prove(k, false, true))
	}
	return epochs
}

// prove judges one epoch: the log's first, of which it may have let go of the
// beginning; its last; or one between.
func (t *tally) prove(k Known, trimmed, last bool) Epoch {
	e := Epoch{
		Epoch: t.epoch, Stored: t.stored.Len(), Gaps: append([]Gap{}, t.gaps...), Ranges: append(Spans{}, t.stored...), Events: t.events,
		End: t.end, Twice: t.twice, Late: t.late,
	}
	for _, g := range t.gaps {
		e.Lost += g.Len()
	}
	from, to := uint64(1), t.last()
	if trimmed {
		from = t.first()
		e.Trimmed = from - 1
	}
	if from <= to {
		missing := t.covered.Missing(Span{from, to})
		e.Missing = missing.Without(t.trimmed)
		e.Trimmed += missing.Len() - e.Missing.Len()
	}
	switch {
	case t.end != nil && !t.end.Unknown:
		e.Accepted = &t.end.Last
	case k.Epoch == t.epoch && k.Last > 0 && !k.Cut:
		e.Accepted = new(max(k.Last, to))
		trimmed := t.trimmed.Within(Span{to + 1, *e.Accepted}).Len()
		e.Trimmed += trimmed
		e.OnTheWay = *e.Accepted - to - trimmed
	}
	e.Verdict, e.Detail = t.judge(&e, k, last)
	return e
}

// first returns the first sequence that the log has, or the one behind the end.
func (t *tally) first() uint64 {
	if len(t.covered) > 0 {
		return t.covered[0].From
	}
	return t.last() + 1
}

// last returns the last sequence that is known to have been accepted.
func (t *tally) last() (seq uint64) {
	if n := len(t.covered); n > 0 {
		seq = t.covered[n-1].To
	}
	if t.end != nil {
		seq = max(seq, t.end.Last)
	}
	return seq
}

// judge tells what is proven, and why not more is.
func (t *tally) judge(e *Epoch, k Known, last bool) (Verdict, string) {
	switch {
	case len(e.Missing) > 0:
		return Missing, fmt.Sprintf("%d neither stored nor told to be lost: %s", e.Missing.Len(), name(e.Missing))
	case len(e.Twice) > 0:
		return Twice, fmt.Sprintf("%d stored twice: %s", e.Twice.Len(), name(e.Twice))
	case len(e.Late) > 0:
		return Late, fmt.Sprintf("%d stored behind what was accepted after them: %s", e.Late.Len(), name(e.Late))
	case t.end != nil && t.end.Unknown:
		return Unproven, fmt.Sprintf("nobody knows what was accepted behind %d: %s", t.end.Last, t.end.Reason)
	case t.end != nil:
		return Proven, ""
	case last && k.Cut:
		return Unproven, "the log was not read to its end"
	case last && k.Online && k.Epoch <= t.epoch:
		return Open, ""
	case k.Numbered:
		return Proven, "" // what was not stored was never accepted
	case last && k.Epoch <= t.epoch:
		return Unproven, "the publisher is not online, and has not told the end"
	case last:
		return Unproven, fmt.Sprintf("the end is not told yet, though epoch %d has begun", k.Epoch)
	}
	return Unproven, "the end was not told"
}

// maxNamed is how many spans a text for people names.
const maxNamed = 10

func name(ss Spans) string {
	text := ""
	for i, s := range ss {
		if i == maxNamed {
			return text + fmt.Sprintf(" and %d more runs", len(ss)-i)
		}
		if i > 0 {
			text += ", "
		}
		text += s.String()
	}
	return text
}
