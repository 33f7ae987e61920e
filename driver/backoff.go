package driver

import "time"

// The waits of a Backoff: at most the first after one failure, twice as long
// after each more, at most the last in the end.
const (
	firstWait = 200 * time.Millisecond
	lastWait  = 30 * time.Second
)

// A Backoff tells when what failed may be tried again. The zero value has not
// failed.
type Backoff struct {
	failures int
	cause    error
	last     time.Time // that it failed
	next     time.Time // that it may be tried
}

// Fail notes a failure. The wait is random from 0 to its most ("full jitter"),
// so that many mappers do not come back at once, and no less than least. Random
// is from 0 to below 1.
func (b *Backoff) Fail(now time.Time, least time.Duration, cause error, random float64) {
	most := lastWait
	if b.failures < 8 { // 0.2 s doubled 8 times is more than 30 s
		most = min(firstWait<<b.failures, lastWait)
	}
	b.failures++
	b.cause, b.last = cause, now
	b.next = now.Add(max(least, time.Duration(random*float64(most))))
}

// Failures returns how many there were in a row.
func (b *Backoff) Failures() int { return b.failures }

// Cause returns the last failure; nil if there was none.
func (b *Backoff) Cause() error { return b.cause }

// Last returns when that was.
func (b *Backoff) Last() time.Time { return b.last }

// Next returns when the next try may be made.
func (b *Backoff) Next() time.Time { return b.next }

// Wait returns nil if the next try may be made now, else a Later.
func (b *Backoff) Wait(now time.Time) error {
	if !now.Before(b.next) {
		return nil
	}
	return &Later{Cause: b.cause, Next: b.next}
}
