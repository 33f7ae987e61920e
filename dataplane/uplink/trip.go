package uplink

import "time"

const (
	// tripAge is how often it is measured anew what a frame takes that does not
	// wait.
	tripAge = 10 * time.Second
	// maxTrip bounds what is believed of it.
	maxTrip = 2 * time.Second
)

// trip is how long a frame takes to be acked where none is before it: the way
// there and back, and the log. Most frames take longer; so it is the least of
// those of the last one or two tripAges.
type trip struct {
	now, before time.Duration // 0: nothing was acked
	since       time.Time
}

func (t *trip) took(d time.Duration, now time.Time) {
	if t.since.IsZero() {
		t.since = now
	}
	if t.now == 0 || d < t.now {
		t.now = d
	}
}

// due tells whether it is to be measured anew.
func (t *trip) due(now time.Time) bool { return !t.since.IsZero() && now.Sub(t.since) >= tripAge }

// renew begins another tripAge.
func (t *trip) renew(now time.Time) {
	if t.now > 0 { // else keep what is known
		t.before, t.now = t.now, 0
	}
	t.since = now
}

// least returns the time, 0 if nothing is known of it.
func (t *trip) least() time.Duration {
	least := t.now
	if least == 0 || t.before > 0 && t.before < least {
		least = t.before
	}
	return min(least, maxTrip)
}
