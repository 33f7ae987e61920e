package modbus

import (
	"fmt"
	"time"

	"datastub/driver"
)

// How long what was learned holds before it is put to the test.
const (
	firstRetest   = time.Minute // doubled by each refusal more
	lastRetest    = time.Hour
	failureRetest = 5 * time.Second // after exception 4: a failure passes sooner than a map changes
)

// A refusal is a device's answer to a span that was asked for alone.
type refusal struct {
	exception exception
	wait      time.Duration
	next      time.Time // when it is asked again, at the earliest
}

// note notes what the device says now. Out of turn it says nothing new.
func (r *refusal) note(e exception, now time.Time) {
	switch {
	case r.wait > 0 && now.Before(r.next):
		return
	case r.wait > 0:
		r.wait = min(2*r.wait, lastRetest)
	case e.failure():
		r.wait = failureRetest
	default:
		r.wait = firstRetest
	}
	r.exception, r.next = e, now.Add(r.wait)
}

// reason says why a point at s has no value, and when it is asked again.
func (r *refusal) reason(s span) error {
	return fmt.Errorf("read %v: %w", s, &driver.Later{Cause: r.exception, Next: r.next})
}
