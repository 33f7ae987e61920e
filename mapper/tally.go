package mapper

import (
	"sync/atomic"

	"datastub/dataplane"
)

// A Tally counts what becomes of the values from one place, by class, until the
// data plane has accepted them: each one read is filtered, refused or accepted.
// The zero Tally is ready to use.
type Tally struct {
	classes [len(dataplane.Classes) + 1]classTally // by Class
}

// classTally is atomic one by one: together they are exact at rest.
type classTally struct {
	read, refused, accepted atomic.Uint64
	filtered                [deadband + 1]atomic.Uint64 // by filter
}

// Count returns what became of the values of a class.
func (t *Tally) Count(c dataplane.Class) dataplane.EdgeCount {
	n := &t.classes[c]
	count := dataplane.EdgeCount{
		Refused: n.refused.Load(), Accepted: n.accepted.Load(),
		Filtered: dataplane.FilteredCount{
			Publish: n.filtered[publishOff].Load(), OnChange: n.filtered[onChange].Load(), Deadband: n.filtered[deadband].Load(),
		},
	}
	count.Read = n.read.Load() // last: what became of a value was read before
	return count
}

// Lost counts a value that was read and never came to the data plane, as no
// message can carry it.
func (t *Tally) Lost(c dataplane.Class) {
	t.read(c)
	t.refuse(c)
}

func (t *Tally) read(c dataplane.Class)             { t.classes[c].read.Add(1) }
func (t *Tally) refuse(c dataplane.Class)           { t.classes[c].refused.Add(1) }
func (t *Tally) filter(c dataplane.Class, f filter) { t.classes[c].filtered[f].Add(1) }

// offer has a Publisher accept messages that were counted as read, and counts
// what comes of them.
func (t *Tally) offer(p Publisher, messages []dataplane.Message) error {
	err := p.Publish(messages)
	t.offered(messages, err)
	return err
}

// offered counts what came of messages that a Publisher was offered.
func (t *Tally) offered(messages []dataplane.Message, err error) {
	var n [len(t.classes)]uint64
	for i := range messages {
		n[messages[i].Class]++
	}
	for _, c := range dataplane.Classes {
		if err != nil {
			t.classes[c].refused.Add(n[c])
		} else {
			t.classes[c].accepted.Add(n[c])
		}
	}
}

// total returns what became of the values of all classes.
func (t *Tally) total() (sum dataplane.EdgeCount) {
	for _, c := range dataplane.Classes {
		n := t.Count(c)
		sum.Read += n.Read
		sum.Refused += n.Refused
		sum.Accepted += n.Accepted
	}
	return sum
}
