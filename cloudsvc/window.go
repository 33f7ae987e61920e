package cloudsvc

import (
	"slices"
	"time"

	"datastub/cloudsvc/webhook"
)

// What a window holds at most: enough that one device whose messages are
// refused for hours keeps nobody else's waiting at once, little enough for
// 10,000 hooks whose receivers are all down.
const (
	maxWindow      = 256
	maxWindowBytes = 256 << 10
)

// A window is what a Hook has taken and its receiver has not: letters, in the
// order of the stream. Those of one key are tried one after another, others
// pass by one that waits. It is a function of what is called and of now.
type window struct {
	position Position             // all up to which is done
	letters  []*letter            // in order; the first one is not done
	keys     map[string][]*letter // those of a key that are not done, in order
	bytes    int
	held     time.Time // nothing is tried before
}

func newWindow(at Position) *window {
	return &window{position: at, keys: make(map[string][]*letter)}
}

// full tells whether nothing more is to be added. One letter always fits.
func (w *window) full() bool { return len(w.letters) >= maxWindow || w.bytes >= maxWindowBytes }

// add takes a letter in.
func (w *window) add(l *letter) {
	w.letters = append(w.letters, l)
	w.keys[l.key] = append(w.keys[l.key], l)
	w.bytes += len(l.body)
}

// due returns the first letter that may be tried now, or, where there is none,
// when one may be; zero: when another is done or added.
func (w *window) due(now time.Time) (l *letter, next time.Time) {
	for _, l := range w.letters {
		if l.done || l.flying || w.keys[l.key][0] != l {
			continue
		}
		at := later(l.tries.Next, w.held)
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

// hold lets nothing be tried before a time.
func (w *window) hold(until time.Time) { w.held = later(w.held, until) }

// again lets a letter wait for its next try.
func (w *window) again(l *letter, tries webhook.Tries) { l.flying, l.tries = false, tries }

// finish moves the position over a letter once all before it are done, too.
func (w *window) finish(l *letter) {
	l.flying, l.done = false, true
	w.bytes -= len(l.body)
	l.body = nil
	if rest := w.keys[l.key][1:]; len(rest) > 0 {
		w.keys[l.key] = rest
	} else {
		delete(w.keys, l.key)
	}
	n := 0
	for ; n < len(w.letters) && w.letters[n].done; n++ {
		w.position = w.letters[n].at
	}
	w.letters = slices.Delete(w.letters, 0, n)
}

// idle moves the position over what was passed by, if nothing is on its way,
// and tells whether it did.
func (w *window) idle(at Position) (moved bool) {
	if len(w.letters) > 0 || w.position == at {
		return false
	}
	w.position = at
	return true
}
