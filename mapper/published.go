package mapper

import (
	"time"

	"datastub/dataplane"
)

// A published is what was last published of a property. The zero published is
// nothing yet.
type published struct {
	value   dataplane.Value
	quality dataplane.Quality
	time    time.Time
}

// pass tells whether the rules let a value through, after what was published
// last. The first value passes, and so does one of another quality. Where
// both OnChange and Deadband are set, Deadband decides on numbers.
func (r Rules) pass(last published, now published) bool {
	age := now.time.Sub(last.time)
	switch {
	case !r.Publish:
		return false
	case !r.OnChange && r.Deadband == Deadband{}:
		return true
	case last.time.IsZero(), last.quality != now.quality:
		return true
	case r.MaxAge > 0 && (age >= r.MaxAge || age < 0): // below 0 the clock was set back
		return true
	case last.value == now.value:
		return false
	}
	from, wasNumber := last.value.Number()
	to, isNumber := now.value.Number()
	if r.Deadband != (Deadband{}) && wasNumber && isNumber {
		return r.Deadband.exceeded(from, to)
	}
	return true
}
