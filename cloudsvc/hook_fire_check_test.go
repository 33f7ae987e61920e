package cloudsvc

import (
	"slices"
	"testing"
	"time"

	"datastub/cloudsvc/webhook"
)

// byID returns the tries by what they brought, each in their order.
func (f *fire) byID() map[string][]*fireTry {
	all := make(map[string][]*fireTry)
	for _, try := range f.tries {
		all[try.id] = append(all[try.id], try)
	}
	return all
}

// checkSums fails unless each message that was accepted was taken or is dead, one
// of them and once, and nothing else was.
func (f *fire) checkSums(t *testing.T) {
	t.Helper()
	ends := make(map[string]int)
	for _, try := range f.tries {
		for _, m := range try.messages {
			if try.answer.verdict == webhook.Done {
				ends[m.ID]++
			}
		}
	}
	for _, d := range f.store.buried() {
		for _, m := range buriedMessages(&d.DeadLetter) {
			ends[m.ID]++
		}
	}
	for id := range f.accepted {
		if ends[id] != 1 {
			t.Errorf("%s was taken or buried %d times, want once", id, ends[id])
		}
		delete(ends, id)
	}
	if len(ends) > 0 {
		t.Errorf("%v were never accepted", ends)
	}
}

// checkOrder fails where a message is tried before another one of its device that
// was accepted before it is done or dead.
func (f *fire) checkOrder(t *testing.T) {
	t.Helper()
	now := make(map[string]*fireTry) // by key: the last try
	seen := make(map[string]bool)
	for _, try := range f.tries {
		before := now[try.key()]
		if now[try.key()] = try; before == nil || before.id == try.id {
			seen[try.id] = true
			continue
		}
		if seen[try.id] || before.to.After(try.from) {
			t.Errorf("%s is tried at %v, between tries of %s", try.id, try.from, before.id)
		}
		if seen[try.id] = true; !slices.ContainsFunc(try.messages, func(m fireMessage) bool { return isBehind(t, m, before) }) {
			t.Errorf("%s with %v is tried behind %s with %v", try.id, try.messages, before.id, before.messages)
		}
	}
}

// isBehind tells whether a message has a later value than all of a try.
func isBehind(t *testing.T, m fireMessage, try *fireTry) bool {
	t.Helper()
	value := func(m fireMessage) int64 {
		n, err := m.Value.Int64()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return !slices.ContainsFunc(try.messages, func(o fireMessage) bool { return value(o) >= value(m) })
}

// checkHolds fails where anything is tried before a receiver has said that it may
// be.
func (f *fire) checkHolds(t *testing.T) {
	t.Helper()
	var held *fireTry
	var until time.Time
	for _, try := range f.tries {
		if try.from.Before(until) && try.from.After(held.to) {
			t.Errorf("%s is tried at %v, though %s was answered %+v at %v", try.id, try.from, held.id, *held.answer, held.to)
		}
		if end := try.to.Add(try.answer.after); try.answer.after > 0 && end.After(until) {
			held, until = try, end
		}
	}
}

// checkTries holds each message's tries to the schedule, and its dead letter to
// what became of them.
func (f *fire) checkTries(t *testing.T) {
	t.Helper()
	dead := make(map[string]KeptLetter)
	for _, d := range f.store.buried() {
		dead[webhookID(d.MessageID)] = d
	}
	for id, tries := range f.byID() {
		counted, failed := 0, 0
		for i, try := range tries {
			var soonest, latest time.Duration // from this try's end to the next one
			switch v := try.answer.verdict; {
			case v == webhook.Gone || try.brokenOff():
			case v == webhook.Later:
				counted++
				soonest, latest = try.answer.after, longest(try.answer.after)
			default:
				counted, failed = counted+1, failed+1
				if v == webhook.Retry && failed <= len(webhook.DefaultSchedule()) {
					wait := webhook.DefaultSchedule()[failed-1]
					soonest, latest = wait*8/10, longest(wait)
				}
			}
			if i == len(tries)-1 {
				f.checkEnd(t, try, dead[id], counted, failed)
				continue
			}
			next := tries[i+1]
			if wait := next.from.Sub(try.to); wait < soonest {
				t.Errorf("%s: try %d, answered %+v, is followed after %v, want %v at least", id, i+1, *try.answer, wait, soonest)
			}
			if idle := f.idleIn(fireSpan{try.to.Add(latest), next.from}); idle > time.Second {
				t.Errorf("%s: try %d, answered %+v, is followed after %v, want %v at most, and %v more was idle", id, i+1, *try.answer, next.from.Sub(try.to), latest, idle)
			}
			if try.answer.verdict == webhook.Done || try.answer.verdict == webhook.Refused {
				t.Errorf("%s is tried again, though it was answered %+v", id, *try.answer)
			}
		}
	}
}

// checkEnd holds the last try of a message to its dead letter, if it has one.
func (f *fire) checkEnd(t *testing.T, last *fireTry, d KeptLetter, counted, failed int) {
	t.Helper()
	switch v := last.answer.verdict; {
	case v == webhook.Done:
		if d.ID != "" {
			t.Errorf("%s was taken, and is dead: %+v", last.id, d.DeadLetter)
		}
		return
	case d.Tries != counted || d.Status != last.answer.status && d.Last.Equal(last.to):
		t.Errorf("%s is dead after %d tries with %d, want %d with %d", last.id, d.Tries, d.Status, counted, last.answer.status)
	case v == webhook.Refused && d.Reason != DeadRefused, v != webhook.Refused && d.Reason != DeadExhausted:
		t.Errorf("%s is dead as %s behind %v", last.id, d.Reason, v)
	case v == webhook.Retry && failed <= len(webhook.DefaultSchedule()) && d.Last.Sub(d.First) < webhook.MaxRetryAfter:
		t.Errorf("%s is given up after %d failures in %v", last.id, failed, d.Last.Sub(d.First))
	}
}

// idleIn returns how much of a time there was room for another try.
func (f *fire) idleIn(s fireSpan) (idle time.Duration) {
	type edge struct {
		at           time.Time
		flies, rests int
	}
	var edges []edge
	add := func(o fireSpan, flies, rests int) {
		from, to := later(o.from, s.from), o.to
		if to.After(s.to) {
			to = s.to
		}
		if from.Before(to) {
			edges = append(edges, edge{from, flies, rests}, edge{to, -flies, -rests})
		}
	}
	for _, try := range f.tries {
		add(try.fireSpan, 1, 0)
	}
	for _, rest := range f.idle {
		add(rest, 0, 1)
	}
	edges = append(edges, edge{at: s.to})
	slices.SortFunc(edges, func(a, b edge) int { return a.at.Compare(b.at) })
	at, flies, rests := s.from, 0, 0
	for _, e := range edges {
		if flies < f.hook.MaxInFlight && rests == 0 && e.at.After(at) {
			idle += e.at.Sub(at)
		}
		at, flies, rests = e.at, flies+e.flies, rests+e.rests
	}
	return idle
}
