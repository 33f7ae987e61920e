package mapper

import (
	"sync"
	"sync/atomic"
	"time"

	"datastub/dataplane"
)

// maxEvents is how many events wait for the publisher at most: those of all
// devices that a mapper starts with. Where there is no room they are late.
const maxEvents = 16_384

// Events is a Reporter that publishes what happens to devices, to their
// properties and to models that are missing: each change once, as a message of
// class RT below $events, and after a start how everything is. What changes all
// the time is told of as often as an account's budget allows, and how many
// changes there were besides.
type Events struct {
	publisher Publisher
	tally     *Tally
	news      chan struct{} // holds one: something waits or is late
	missed    atomic.Uint64 // changes that were told as a number only

	mu       sync.Mutex
	accounts map[owner]*account
	lacking  map[Key]Key    // of devices: the model that is missing
	lacked   map[Key]int    // of models that are missing: by how many devices
	late     map[owner]bool // accounts with something to tell for which there is no budget, or no room
	waiting  []dataplane.Message
}

var _ Reporter = (*Events)(nil)

// NewEvents returns Events that are published there, and counted in the tally,
// by Run.
func NewEvents(publisher Publisher, tally *Tally) *Events {
	return &Events{
		publisher: publisher, tally: tally, news: make(chan struct{}, 1),
		accounts: map[owner]*account{}, lacking: map[Key]Key{}, lacked: map[Key]int{}, late: map[owner]bool{},
	}
}

// ReportSpec implements Reporter: a Spec is no event.
func (e *Events) ReportSpec(Spec) {}

// ReportValues implements Reporter: values are no events.
func (e *Events) ReportValues(Key, []Reported) {}

// ReportHealth implements Reporter.
func (e *Events) ReportHealth(key Key, health Health) {
	now := time.Now()
	own, faulty, model := split(health.Faults)
	e.mu.Lock()
	defer e.mu.Unlock()
	device := owner{key: key}
	a := e.account(device)
	if health.State == Offline {
		own = health.Reason
	}
	// Of a device that is unhealthy because properties are, these tell more.
	a.note("", string(health.State)+" "+own, dataplane.Event{Event: string(health.State), Reason: health.Reason, Since: now})
	for property, reason := range faulty {
		a.note(property, reason, dataplane.Event{Event: dataplane.Faulty, Reason: reason, Since: now})
	}
	for property := range a.subjects {
		if _, still := faulty[property]; property != "" && !still {
			a.note(property, dataplane.Mended, dataplane.Event{Event: dataplane.Mended, Since: now})
		}
	}
	e.settle(device, now)
	e.lacks(key, model, health.Reason, now)
	wake(e.news)
}

// split returns the first fault of the device itself, the first of each
// property, and the name of the model that is missing.
func split(faults []Fault) (own string, properties map[string]string, model string) {
	properties = make(map[string]string)
	for _, f := range faults {
		switch _, known := properties[f.Property]; {
		case f.Model != "":
			model = f.Model
		case f.Property != "" && !known:
			properties[f.Property] = f.Reason
		case f.Property == "" && own == "":
			own = f.Reason
		}
	}
	return own, properties, model
}

// Removed implements Reporter. What was faulty of a device that is gone is no
// news.
func (e *Events) Removed(key Key) {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	device := owner{key: key}
	a := e.accounts[device]
	if a == nil {
		return
	}
	a.close()
	a.note("", dataplane.Removed, dataplane.Event{Event: dataplane.Removed, Since: now})
	e.settle(device, now)
	e.lacks(key, "", "", now)
	wake(e.news)
}

// lacks notes which model a device lacks now, if it lacks one.
func (e *Events) lacks(device Key, name, reason string, now time.Time) {
	model := Key{device.Namespace, name}
	before, lacked := e.lacking[device]
	if lacked && before == model {
		return
	}
	delete(e.lacking, device)
	if name != "" {
		e.lacking[device] = model
		e.lacked[model]++
		e.tellModel(model, dataplane.Event{Event: dataplane.Missing, Reason: reason, Since: now})
	}
	if !lacked {
		return
	}
	if e.lacked[before]--; e.lacked[before] == 0 {
		delete(e.lacked, before)
		e.tellModel(before, dataplane.Event{Event: dataplane.Mended, Since: now})
	}
}

func (e *Events) tellModel(model Key, event dataplane.Event) {
	o := owner{key: model, model: true}
	e.account(o).note("", event.Event, event)
	e.settle(o, event.Since)
}

// account returns an owner's account, a new one if there is none.
func (e *Events) account(o owner) *account {
	a := e.accounts[o]
	if a == nil {
		a = &account{subjects: make(map[string]*subject, 1)}
		e.accounts[o] = a
	}
	return a
}

// settle has what an account may tell now wait for Run. An account of what is
// not there any more is forgotten when all is told.
func (e *Events) settle(o owner, now time.Time) {
	a := e.accounts[o]
	if len(e.waiting) < maxEvents {
		properties, events := a.tell(now)
		for i := range events {
			e.waiting = append(e.waiting, o.message(properties[i], events[i], now))
			e.missed.Add(events[i].Missed)
		}
	}
	switch {
	case a.late():
		e.late[o] = true
		return
	case a.over():
		delete(e.accounts, o)
	}
	delete(e.late, o)
}
