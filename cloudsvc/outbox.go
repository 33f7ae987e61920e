package cloudsvc

import (
	"slices"
	"time"

	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

// What an outbox holds at most: enough that one device whose messages are
// refused for hours keeps nobody else's waiting at once, little enough for
// 10,000 hooks whose receivers are all down.
const (
	maxOutbox      = 256
	maxOutboxBytes = 256 << 10
)

// An outbox is what a Hook has taken of a class and its receiver has not: letters,
// in the order of the stream. Those of one key are tried one after another, others
// pass by one that waits. It is a function of what is called and of now.
type outbox struct {
	class    dataplane.Class
	position Position             // all up to which is done, of the class
	letters  []*letter            // in order; the first one is not done
	keys     map[string][]*letter // those of a key that are not done, in order
	bytes    int
}

func newOutbox(at Position, class dataplane.Class) *outbox {
	return &outbox{class: class, position: at, keys: make(map[string][]*letter)}
}

// full tells whether nothing more is to be added. One letter always fits.
func (o *outbox) full() bool { return len(o.letters) >= maxOutbox || o.bytes >= maxOutboxBytes }

// add takes a letter in.
func (o *outbox) add(l *letter) {
	o.letters = append(o.letters, l)
	o.keys[l.key] = append(o.keys[l.key], l)
	o.bytes += len(l.body)
}

// due returns the first letter that may be tried now, if none is held until
// later, or, where there is none, when one may be; zero: when another is done or
// added.
func (o *outbox) due(now, held time.Time) (l *letter, next time.Time) {
	for _, l := range o.letters {
		if l.done || l.flying || l.bound || o.keys[l.key][0] != l {
			continue
		}
		at := later(l.tries.Next, held)
		if !at.After(now) {
			return l, time.Time{}
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return nil, next
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// again lets a letter wait for its next try.
func (o *outbox) again(l *letter, tries webhook.Tries) { l.flying, l.tries = false, tries }

// finish moves the position over a letter once all before it are done, too.
func (o *outbox) finish(l *letter) {
	l.flying, l.done = false, true
	o.bytes -= len(l.body)
	l.body = nil
	rest := slices.DeleteFunc(o.keys[l.key], func(other *letter) bool { return other == l })
	if o.keys[l.key] = rest; len(rest) == 0 {
		delete(o.keys, l.key)
	}
	n := 0
	for ; n < len(o.letters) && o.letters[n].done; n++ {
		o.position = o.letters[n].at
	}
	o.letters = slices.Delete(o.letters, 0, n)
}

// idle moves the position over what was passed by, if nothing is on its way,
// and tells whether it did.
func (o *outbox) idle(at Position) (moved bool) {
	if len(o.letters) > 0 || o.position.Incarnation == at.Incarnation && o.position.place(o.class) == at.place(o.class) {
		return false
	}
	o.position = at
	return true
}
