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

// A desire is what a Device CR wants a property to hold, and how that goes. It
// is written until the device has taken it once: a coil that starts something
// falls back by itself, and one write more would start it again. One that the
// device has taken and does not hold is only read, at last once a minute, to
// see whether it has come round, and a device that changes the value later is
// not fought.
type desire struct {
	order
	look    bool      // read first: the device may hold it already
	written bool      // the device took it
	tries   int       // that failed
	next    time.Time // when it is tried next
	over    bool      // nothing more is done about it
	held    bool      // the device held it
	absurd  bool      // the property can never hold it, as Vet tells, too
	trouble string    // why it is not held, as far as that is known
}

// newDesire returns a desire to be tried at once. With look, it is read before
// it is written: after a start, a device mostly holds it still, and what a
// write sets off is not to be set off again.
func newDesire(t target, text string, look bool) *desire {
	d := &desire{look: look}
	var err error
	if d.order, err = newOrder("desired", t, text); err != nil {
		d.settle(time.Time{}, err)
		d.over, d.absurd = true, true
	}
	return d
}

// settle notes how a try ended.
func (d *desire) settle(now time.Time, err error) {
	switch {
	case err == nil:
		d.over, d.held, d.trouble = true, true, ""
		return
	case errors.Is(err, driver.ErrUnreachable), errors.Is(err, context.DeadlineExceeded): // of one wording, as drivers tell when they try again
		err = driver.ErrUnreachable
	}
	d.trouble = oneLine(err)
	if _, says := errors.AsType[*driver.SettingError](err); !says {
		d.trouble = fmt.Sprintf("desired %s: %s", cutShort(d.text), d.trouble)
	}
	d.over = permanent(err)
	d.look = true
	d.next = now.Add(desireWait(d.tries, rand.Float64()))
	d.tries++
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
