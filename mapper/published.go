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

// A filter is a rule that keeps values back.
type filter uint8

// The filters; passed is none of them.
const (
	passed filter = iota
	publishOff
	onChange
	deadband
)

// compare tells whether what was published last decides on the next value.
func (r Rules) compare() bool { return r.OnChange || r.Deadband != Deadband{} }

// judge returns which rule keeps a value back, after what was published last.
// The first value passes, and so does one of another quality. Where both
// OnChange and Deadband are set, Deadband decides on numbers.
func (r Rules) judge(last published, now published) filter {
	age := now.time.Sub(last.time)
	switch {
	case !r.Publish:
		return publishOff
	case !r.compare():
		return passed
	case last.time.IsZero(), last.quality != now.quality:
		return passed
	case r.MaxAge > 0 && (age >= r.MaxAge || age < 0): // below 0 the clock was set back
		return passed
	}
	from, wasNumber := last.value.Number()
	to, isNumber := now.value.Number()
	numbers := r.Deadband != (Deadband{}) && wasNumber && isNumber
	switch {
	case last.value != now.value && !(numbers && !r.Deadband.exceeded(from, to)):
		return passed
	case numbers || !r.OnChange:
		return deadband
	}
	return onChange
}
