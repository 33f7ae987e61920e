package modbus

import (
	"fmt"
	"slices"
	"time"

	"datastub/driver"
)

// A unit that does not answer costs its line a timeout each time it is asked,
// and all others wait. So it is asked seldom and, as long as others on the line
// answer, not waited for longer than they take.
const (
	// deadShare is the part of a line's time that all units which do not
	// answer may take together: one in so many.
	deadShare = 20
	// slack is how much longer than the slowest answer of the others one that
	// did not answer is waited for.
	slack = 4
	// minPatience is the least that anyone is waited for.
	minPatience = 50 * time.Millisecond
	// fullPatience is every how many tries a unit is given all of its timeout:
	// it may be slower than the others.
	fullPatience = 4
)

// patience returns how long a unit is waited for.
func (l *line) patience(u *unit) time.Duration {
	_, living := l.others(u)
	if n := u.retry.Failures(); n == 0 || !living || n%fullPatience == 0 {
		return u.config.timeout
	}
	return min(max(slack*l.slowest, minPatience), u.config.timeout)
}

// fails notes that a unit cost the line some time for nothing, and returns the
// error for it.
func (l *line) fails(u *unit, took time.Duration, cause error) error {
	cause = fmt.Errorf("unit %d: %w", u.config.unit, cause)
	l.note(u, false)
	now := l.options.Now()
	least := l.debts.left(u.config.unit, now)
	if dead, living := l.others(u); living {
		least = max(least, deadShare*time.Duration(dead+1)*took)
	}
	u.retry.Fail(now, least, cause, l.options.Rand())
	return l.unreachable(cause)
}

// refuses notes that a unit refused a request, and returns the error for it.
// What has to be asked later is left alone until then.
func (l *line) refuses(u *unit, e exception) error {
	if e.later() {
		u.busy.Fail(l.options.Now(), 0, e, l.options.Rand())
	} else {
		u.busy = driver.Backoff{}
	}
	return e
}

// answers notes that a unit answered.
func (l *line) answers(u *unit) {
	l.note(u, true)
	u.retry = driver.Backoff{}
}

// hears notes that an answer took some time.
func (l *line) hears(took time.Duration) {
	const memory = 64 // answers, until a slow one is forgotten
	l.silences = 0
	l.slowest = max(took, l.slowest-l.slowest/memory)
}

// add has a unit on the line, of which nobody knows yet whether it answers.
func (l *line) add(u *unit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.units[u] = true // until it turns out
}

// remove ends that, and returns how many are left.
func (l *line) remove(u *unit) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.units, u)
	return len(l.units)
}

// anyone returns the name of a device on the line, of many the first.
func (l *line) anyone() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for u := range l.units {
		names = append(names, u.name)
	}
	return slices.Min(names)
}

// note remembers whether a unit that is open answers.
func (l *line) note(u *unit, answers bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, open := l.units[u]; open {
		l.units[u] = answers
	}
}

// others tells of the other units how many do not answer, and whether any does.
func (l *line) others(u *unit) (dead int, living bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for other, answers := range l.units {
		switch {
		case other == u:
		case answers:
			living = true
		default:
			dead++
		}
	}
	return dead, living
}
