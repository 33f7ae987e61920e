package dataplane

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Quality tells how far a value can be trusted: "good", "best-effort", or "bad"
// or "uncertain" and the reason behind a colon, as in "bad: above max 100". The
// empty Quality is good.
type Quality string

const (
	// Good is the quality of a value that nothing speaks against.
	Good Quality = "good"
	// BestEffort is the quality of a value that came by a way on which others
	// may have been lost, and nobody can tell: nothing else speaks against it.
	BestEffort Quality = "best-effort"
)

// Bad returns the quality of a value that is kept but must not be trusted. A
// long reason is cut.
func Bad(reason string) Quality { return withReason("bad: ", reason) }

// Uncertain returns the quality of a value of which something is in doubt. A
// long reason is cut.
func Uncertain(reason string) Quality { return withReason("uncertain: ", reason) }

// maxAhead is how far the time of a value may be ahead of a clock.
const maxAhead = time.Hour

// aheadOf begins the reason of one that is further.
const aheadOf = "time is more than 1h ahead of "

// Timely returns Good, or Uncertain for a value whose time is more than 1 h
// ahead of now, on the clock that is named in the reason.
func Timely(read, now time.Time, clock string) Quality {
	if read.Sub(now) > maxAhead {
		return Uncertain(aheadOf + clock)
	}
	return Good
}

// withReason cuts the reason between two runes where it is too long: a reason
// is often an error's text, and its length must not cost the value.
func withReason(prefix, reason string) Quality {
	q := prefix + reason
	if len(q) <= MaxTopic {
		return Quality(q)
	}
	end := MaxTopic
	for end > len(prefix) && !utf8.RuneStart(q[end]) {
		end--
	}
	return Quality(q[:end])
}

// IsGood tells whether nothing speaks against the value.
func (q Quality) IsGood() bool { return q == "" || q == Good }

// IsBad tells whether the value must not be trusted.
func (q Quality) IsBad() bool { return strings.HasPrefix(string(q), "bad: ") }

// IsAhead tells whether the time of the value is what Timely warns of.
func (q Quality) IsAhead() bool { return strings.HasPrefix(string(q), "uncertain: "+aheadOf) }

// valid tells whether q is one of the forms above and short enough.
func (q Quality) valid() bool {
	return q.IsGood() || q == BestEffort || len(q) <= MaxTopic &&
		(q.IsBad() || strings.HasPrefix(string(q), "uncertain: "))
}

// validate returns what is wrong with q, nil if it is valid.
func (q Quality) validate() error {
	if q.valid() {
		return nil
	}
	return fmt.Errorf("quality %.64q is not good, best-effort, bad: reason or uncertain: reason", string(q))
}

// String returns the quality, "good" for the empty one.
func (q Quality) String() string {
	if q == "" {
		return string(Good)
	}
	return string(q)
}
