package mapper

import (
	"maps"
	"slices"
	"time"

	"datastub/dataplane"
)

const (
	// eventBudget is how many events an account has in an eventWindow. What
	// changes more often is told, as it is then, when the next window begins.
	eventBudget = 10
	eventWindow = time.Minute
	// ownBudget is what of the budget is kept for the owner itself: many faulty
	// properties do not keep subscribers from hearing that the device is online.
	ownBudget = 4
)

// An account is what subscribers were told of an owner, and what they are to be
// told.
type account struct {
	subjects map[string]*subject // by property; "" is the owner itself
	opened   time.Time           // when the window began
	spent    int                 // of its budget
}

// An owner is whose account one is: a device's, its properties included, or a
// model's.
type owner struct {
	key   Key
	model bool
}

// A subject is what events are about.
type subject struct {
	essence string          // of the last event: another one of the same essence is no news
	event   dataplane.Event // what is to be told; the zero Event: nothing
}

// late tells whether the subject's event is to be told.
func (s *subject) late() bool { return s.event != dataplane.Event{} }

// note takes in how a subject is.
func (a *account) note(property, essence string, event dataplane.Event) {
	s := a.subjects[property]
	switch {
	case s == nil:
		s = new(subject)
		a.subjects[property] = s
	case s.essence == essence:
		return
	case s.late():
		event.Missed = s.event.Missed + 1
	}
	s.essence, s.event = essence, event
}

// tell returns the events that are to be told now, with their properties: as
// many as there is budget for, the owner's own first.
func (a *account) tell(now time.Time) (properties []string, events []dataplane.Event) {
	if since := now.Sub(a.opened); since >= eventWindow || since < 0 {
		a.opened, a.spent = now, 0
	}
	for _, property := range slices.Sorted(maps.Keys(a.subjects)) {
		s, most := a.subjects[property], eventBudget
		if property != "" {
			most -= ownBudget
		}
		if !s.late() || a.spent >= most {
			continue
		}
		a.spent++
		properties, events = append(properties, property), append(events, s.event)
		s.event = dataplane.Event{}
		if s.essence == dataplane.Mended {
			delete(a.subjects, property)
		}
	}
	return properties, events
}

// late tells whether something is to be told.
func (a *account) late() bool {
	for _, s := range a.subjects {
		if s.late() {
			return true
		}
	}
	return false
}

// over tells whether there is nothing of which an event may come: a device that
// was removed, or a model that is there.
func (a *account) over() bool {
	s := a.subjects[""]
	return s == nil || s.essence == dataplane.Removed
}

// close forgets all but the owner itself.
func (a *account) close() {
	maps.DeleteFunc(a.subjects, func(property string, _ *subject) bool { return property != "" })
}

// message returns an event as a message. It is valid whatever the names are, as
// CRs whose names are wrong have events, too.
func (o owner) message(property string, event dataplane.Event, now time.Time) dataplane.Message {
	m := dataplane.Message{
		Topic: dataplane.DeviceTopic, Namespace: eventLevel(o.key.Namespace), Device: eventLevel(o.key.Name), Property: property,
		Class: dataplane.RT, Time: now,
	}
	switch {
	case o.model:
		m.Topic = dataplane.ModelTopic
	case property != "":
		m.Topic = dataplane.PropertyTopic
	}
	event.Reason = cutTo(maxReason, event.Reason)
	m.Value = event.Value()
	return m
}

// eventLevel makes one level of any name: it is escaped, and cut short where it
// would be too long.
func eventLevel(name string) string {
	level := dataplane.EscapeLevel(name)
	if level == "" || len(level) > dataplane.MaxTopic {
		return dataplane.EscapeLevel(cutShort(name) + "…")
	}
	return level
}
