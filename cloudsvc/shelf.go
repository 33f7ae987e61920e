package cloudsvc

import (
	"slices"
	"time"

	"datastub/dataplane"
)

// A Shelf is a retention class as the log has it: a place for blocks that are
// kept alike. What topics are on it never changes: where rules do, there is
// another shelf, with another ID, and the old one is retired. It gets nothing
// more, and what it has is kept as it was promised.
type Shelf struct {
	ID       uint32             // of no other shelf of the log, ever
	Topics   []dataplane.Filter // which it is for; none: all topics
	Except   []dataplane.Filter // of these, what the rules before it take
	MaxAge   time.Duration      // 0: no other limit than the log's
	MaxBytes int64              // of each class; 0: likewise
	Retired  bool
}

// Shelves returns the shelves that rules ask for, in their order, the last for
// what no other rule matches, which is kept as other says where none is for it;
// behind them those retired, of the ones that a log had. IDs from next on were
// never given.
func Shelves(rules []RetentionRule, other RetentionRule, had []Shelf, next uint32) []Shelf {
	if n := len(rules); n > 0 && rules[n-1].forAll() {
		other, rules = orElse(rules[n-1], other), rules[:n-1]
	}
	var shelves []Shelf
	var before []dataplane.Filter
	for _, rule := range rules {
		shelves = append(shelves, orElse(rule, other).shelf(rule.Topics, before))
		before = append(before, rule.Topics...)
	}
	shelves = append(shelves, other.shelf(nil, before))
	for i := range shelves {
		s := &shelves[i]
		at := slices.IndexFunc(had, s.sameTopics)
		if at < 0 {
			s.ID, next = next, next+1
			continue
		}
		s.ID = had[at].ID
		had = slices.Delete(slices.Clone(had), at, at+1)
	}
	for _, s := range had {
		s.Retired = true
		shelves = append(shelves, s)
	}
	return shelves
}

// orElse returns a rule with what it leaves out from another one.
func orElse(rule, other RetentionRule) RetentionRule {
	if rule.MaxAge == 0 {
		rule.MaxAge = other.MaxAge
	}
	if rule.MaxBytes == 0 {
		rule.MaxBytes = other.MaxBytes
	}
	return rule
}

// shelf returns a shelf for topics, except for those that go elsewhere before.
func (r RetentionRule) shelf(topics, before []dataplane.Filter) Shelf {
	s := Shelf{Topics: topics, MaxAge: r.MaxAge, MaxBytes: r.MaxBytes}
	for _, b := range before {
		if len(topics) == 0 || slices.ContainsFunc(topics, b.Overlaps) {
			s.Except = append(s.Except, b)
		}
	}
	return s
}

// sameTopics tells whether the same topics are on another shelf.
func (s *Shelf) sameTopics(other Shelf) bool {
	return slices.Equal(s.Topics, other.Topics) && slices.Equal(s.Except, other.Except)
}

// takes tells whether the shelf is for a topic that those before it are not for.
func (s *Shelf) takes(topic string) bool {
	return len(s.Topics) == 0 || slices.ContainsFunc(s.Topics, func(f dataplane.Filter) bool { return f.Match(topic) })
}

// mayHold tells whether there may be something on the shelf for who subscribes
// to a filter.
func (s *Shelf) mayHold(filter dataplane.Filter) bool {
	return (len(s.Topics) == 0 || slices.ContainsFunc(s.Topics, filter.Overlaps)) &&
		!slices.ContainsFunc(s.Except, func(f dataplane.Filter) bool { return f.Covers(filter) })
}

// keepsLonger tells whether blocks stay longer than on another shelf, by their
// age, and where that is the same, by their size.
func (s *Shelf) keepsLonger(than *Shelf) bool {
	if s.MaxAge != than.MaxAge {
		return s.MaxAge == 0 || than.MaxAge != 0 && s.MaxAge > than.MaxAge
	}
	return s.MaxBytes != than.MaxBytes && (s.MaxBytes == 0 || than.MaxBytes != 0 && s.MaxBytes > than.MaxBytes)
}
