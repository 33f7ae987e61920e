package mapper

import (
	"time"

	"datastub/driver"
)

// A tag is one property of a device as it runs. It belongs to the device's
// goroutine.
type tag struct {
	property   *Property
	point      driver.Point // nil where its settings are wrong
	trouble    string       // why it has no value, with the name or path of the property
	unreported bool         // its newest reading was not reported yet
	unpushed   bool         // nor pushed
	collect    schedule
	report     schedule
	push       schedule
}

// newTag returns a tag that is due at now, since its device's origin, and then
// on the grid. It has no point yet.
func newTag(property *Property, now time.Duration) *tag {
	return &tag{
		property: property,
		collect:  newSchedule(now, property.CollectCycle),
		report:   newSchedule(now, property.reportCycle()),
		push:     newSchedule(now, property.pushCycle()),
	}
}

// inherit takes over from an older tag of the property what is carried.
func (t *tag) inherit(old *tag, c carry) {
	if c.point {
		t.point, t.trouble, t.unreported, t.unpushed = old.point, old.trouble, old.unreported, old.unpushed
	}
	if c.collect {
		t.collect = old.collect
	}
	if c.report {
		t.report = old.report
	}
	if c.push {
		t.push = old.push
	}
}

// name is the property's.
func (t *tag) name() string { return t.property.Point.Name }

// at returns when the tag is due next, for whatever. It is not ok if it never
// is.
func (t *tag) at() (next time.Duration, ok bool) {
	if t.point == nil {
		return 0, false
	}
	for _, s := range []*schedule{&t.collect, &t.report, &t.push} {
		if at, has := s.at(); has && (!ok || at < next) {
			next, ok = at, true
		}
	}
	return next, ok
}

// earliest returns when one of the tags is due next. It is not ok if none ever
// is.
func earliest(tags []*tag) (next time.Duration, ok bool) {
	for _, t := range tags {
		if at, has := t.at(); has && (!ok || at < next) {
			next, ok = at, true
		}
	}
	return next, ok
}
