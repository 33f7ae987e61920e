package modbus

import (
	"fmt"
	"time"
)

// The waits between attempts to reach a device: at most the first after one
// failure, twice as long after each more, at most the last in the end.
const (
	firstWait = 200 * time.Millisecond
	lastWait  = 30 * time.Second
)

// backoff tells when what failed may be tried again. The zero value has not
// failed.
type backoff struct {
	failures int
	cause    error
	last     time.Time // that it failed
	next     time.Time // that it may be tried
}

// fail notes a failure. The wait is random from 0 to its most ("full jitter"),
// so that many mappers do not come back at once, and no less than least.
func (b *backoff) fail(now time.Time, least time.Duration, cause error, random float64) {
	most := lastWait
	if b.failures < 8 { // 0.2 s doubled 8 times is more than 30 s
		most = min(firstWait<<b.failures, lastWait)
	}
	b.failures++
	b.cause, b.last = cause, now
	b.next = now.Add(max(least, time.Duration(random*float64(most))))
}

// wait returns nil if the next try may be made now, else an error that tells
// when, and why not before.
func (b *backoff) wait(now time.Time) error {
	if !now.Before(b.next) {
		return nil
	}
	return fmt.Errorf("%w; next try at %s", b.cause, b.next.Format("15:04:05.000"))
}
