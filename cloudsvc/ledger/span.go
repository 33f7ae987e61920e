package ledger

import (
	"fmt"
	"slices"
)

// A Span is the sequences From to To of an epoch.
type Span struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// Len returns how many sequences there are.
func (s Span) Len() uint64 { return s.To - s.From + 1 }

// String returns from-to, or the one sequence.
func (s Span) String() string {
	if s.From == s.To {
		return fmt.Sprint(s.From)
	}
	return fmt.Sprintf("%d-%d", s.From, s.To)
}

// Spans are sequences as rising spans, none adjacent to another.
type Spans []Span

// Len returns how many sequences there are.
func (ss Spans) Len() (n uint64) {
	for _, s := range ss {
		n += s.Len()
	}
	return n
}

// first returns the index of the first span that ends with a sequence or behind
// it.
func (ss Spans) first(seq uint64) int {
	i, _ := slices.BinarySearchFunc(ss, seq, func(s Span, seq uint64) int {
		if s.To < seq {
			return -1
		}
		return 1
	})
	return i
}

// Add adds a span. It costs little at the end.
func (ss *Spans) Add(s Span) {
	from := ss.first(max(s.From, 1) - 1) // one that is adjacent, too
	to := from
	for to < len(*ss) && (*ss)[to].From <= s.To+1 {
		s.From, s.To = min(s.From, (*ss)[to].From), max(s.To, (*ss)[to].To)
		to++
	}
	*ss = slices.Replace(*ss, from, to, s)
}

// Within returns the sequences that are in a span.
func (ss Spans) Within(s Span) (found Spans) {
	for _, have := range ss[ss.first(s.From):] {
		if have.From > s.To {
			break
		}
		found = append(found, Span{max(have.From, s.From), min(have.To, s.To)})
	}
	return found
}

// Missing returns the sequences of a span that are not there.
func (ss Spans) Missing(s Span) (missing Spans) {
	next := s.From
	for _, have := range ss.Within(s) {
		if have.From > next {
			missing = append(missing, Span{next, have.From - 1})
		}
		next = have.To + 1
	}
	if next <= s.To {
		missing = append(missing, Span{next, s.To})
	}
	return missing
}

// Without returns the sequences that are not in others.
func (ss Spans) Without(others Spans) (rest Spans) {
	for _, s := range ss {
		rest = append(rest, others.Missing(s)...)
	}
	return rest
}
