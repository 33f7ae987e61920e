package driver

import "time"

// A Later is the error of what is not tried yet, as it has failed.
type Later struct {
	Cause error     // what it failed by
	Next  time.Time // when it may be tried again
}

// Error has the cause, and When at its end.
func (l *Later) Error() string { return l.Cause.Error() + l.When() }

// When tells of the next try, in words that follow a cause's.
func (l *Later) When() string { return "; next try at " + l.Next.Format("15:04:05.000") }

// Unwrap returns the cause.
func (l *Later) Unwrap() error { return l.Cause }
