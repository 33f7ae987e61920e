package webhook

import "time"

const (
	// jitter is by how much a wait may be longer or shorter than planned, as a
	// part of it: those who failed together do not come back together.
	jitter = 0.2
	// MaxRetryAfter bounds what a receiver may ask for: one that said a year by
	// mistake is heard again the next day.
	MaxRetryAfter = 24 * time.Hour
	// minRetryAfter is for those who ask to come back at once, or yesterday, though
	// they are too busy: they would be asked as often as they can say so.
	minRetryAfter = time.Second
)

// A Schedule tells how long to wait after each failed try. Whoever follows it
// keeps Tries, so that it goes on after a restart.
type Schedule []time.Duration

// DefaultSchedule gives up after about 28 hours: a night and a working day in
// which somebody can notice. The first tries come soon, as most failures are
// restarts.
func DefaultSchedule() Schedule {
	return Schedule{
		time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour,
	}
}

// Tries is what was tried with one message so far.
type Tries struct {
	Count  int       `json:"count"`  // of all tries that were sent
	Failed int       `json:"failed"` // of those that the schedule counts
	First  time.Time `json:"first"`  // when it was to be sent first
	Next   time.Time `json:"next"`   // when the next one is due
}

// span is how long the schedule lasts.
func (s Schedule) span() (whole time.Duration) {
	for _, wait := range s {
		whole += wait
	}
	return whole
}

// Fail takes a try that failed at a time into account, and returns false where
// it was the last. One that was not sent, as the host is left alone, is not
// counted. A receiver that says when to come back is obeyed, and has
// not failed: that may go on for as long as the schedule lasts, and at least
// for MaxRetryAfter. The random number is at least 0 and below 1.
func (s Schedule) Fail(t Tries, o Outcome, now time.Time, random float64) (Tries, bool) {
	if t.First.IsZero() {
		t.First = now
	}
	if o.Sent() {
		t.Count++
	}
	if o.Verdict == Later {
		wait := float64(max(minRetryAfter, min(o.RetryAfter, MaxRetryAfter))) * (1 + jitter*random)
		t.Next = now.Add(time.Duration(wait))
		return t, now.Sub(t.First) < max(s.span(), MaxRetryAfter)
	}
	t.Failed++
	if o.Verdict != Retry || t.Failed > len(s) {
		return t, false
	}
	wait := float64(s[t.Failed-1]) * (1 + jitter*(2*random-1))
	t.Next = now.Add(max(time.Duration(wait), min(o.RetryAfter, MaxRetryAfter)))
	return t, true
}
