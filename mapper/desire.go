package mapper

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"datastub/driver"
)

// The waits between tries to make a device hold what is desired: at most the
// first after one failure, twice as long after each more, at most the last.
const (
	firstDesireWait = time.Second
	lastDesireWait  = time.Minute
)

// blindLooks is how many reads of a property fail, where its device answers,
// before what is desired of it is written unseen, once: it may be one that can
// only be written. One failed read may be chance, and a write that sets
// something off is not undone.
const blindLooks = 3

// errUnanswered does not tell what the driver says of it: that has ports and
// the times of next tries in it, and changes with each.
var errUnanswered = errors.New("the device answers reads, but not the write")

// A desire is what a Device CR wants a property to hold, and how that goes. It
// is written until the device has taken it once: a coil that starts something
// falls back by itself, and one write more would start it again. One that the
// device has taken and does not hold is only read, at last once a minute, to
// see whether it has come round, and a device that changes the value later is
// not fought. While the device or the property cannot be read, that is the
// trouble, and the desire waits without one of its own.
type desire struct {
	order
	look    bool      // read first: the device may hold it already
	written bool      // the device took it
	tries   int       // that failed
	blind   int       // looks that failed one after the other, though the device answered
	next    time.Time // when it is tried next
	over    bool      // nothing more is done about it
	held    bool      // the device held it
	absurd  bool      // the property can never hold it, as Vet tells, too
	trouble string    // why it is not held, as far as that is known: all of it
}

// newDesire returns a desire to be tried at once. With look, it is read before
// it is written: after a start, a device mostly holds it still, and what a
// write sets off is not to be set off again.
func newDesire(t target, text string, look bool) *desire {
	d := &desire{look: look}
	var err error
	if d.order, err = newOrder(t, text); err != nil {
		d.trouble = oneLine(errors.Join(desiredErrors(d.property, text, err)...))
		d.over, d.absurd = true, true
	}
	return d
}

// settle notes how a try ended.
func (d *desire) settle(now time.Time, err error) {
	if err == nil {
		d.over, d.held, d.trouble = true, true, ""
		return
	}
	if !errors.Is(err, errUnconfirmed) {
		d.trouble = fmt.Sprintf("%s: desired %s: %s", d.property, cutShort(d.text), oneLine(err))
	}
	d.over = permanent(err)
	d.look = true
	d.next = now.Add(desireWait(d.tries, rand.Float64()))
	d.tries++
}

// judge tells what a look says: whether the value is to be written now. If not,
// the try has ended with the look's error.
func (d *desire) judge(look error) (write bool) {
	switch {
	case d.written || look == nil:
		return false
	case errors.Is(look, ErrNotHeld):
		return true
	case unanswered(look):
		d.blind = 0
		return false
	}
	d.blind++
	return d.blind >= blindLooks
}

// unanswered tells whether a try ended because nothing came from the device.
func unanswered(err error) bool {
	return errors.Is(err, driver.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded)
}

// desireWait returns how long to wait after so many earlier failures. The
// second half of it is random, so that devices behind one bus spread.
func desireWait(failures int, random float64) time.Duration {
	most := lastDesireWait
	if failures < 6 { // 1 s doubled 6 times is more than a minute
		most = firstDesireWait << failures
	}
	return most/2 + time.Duration(random*float64(most/2))
}
