package mapper

import (
	"fmt"
	"time"

	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/driver"
)

// A Publisher takes messages into the data plane.
type Publisher interface {
	// Publish accepts all the messages or none. They lack ID, Node and Seq,
	// which the publisher gives, in place. It returns soon, after 100 ms at the most, and
	// may be called from many goroutines. It keeps the values but not the
	// slice. An error means that the messages were refused: they are gone, and
	// are not offered again.
	Publish(messages []dataplane.Message) error
}

// A Hook publishes the readings of one device by its properties' rules. It
// belongs to the device's goroutine.
type Hook struct {
	spec      *Spec
	publisher Publisher
	tally     *Tally
	now       func() time.Time
	last      map[string]published // by property's name, of those that a rule compares
	refusal   string               // why the publisher refused last time, empty if it did not
	refused   uint64               // messages
}

// NewHook returns the hook of a device, which counts in the tally. Now is the
// clock that readings are held against.
func NewHook(spec *Spec, publisher Publisher, tally *Tally, now func() time.Time) *Hook {
	return &Hook{spec: spec, publisher: publisher, tally: tally, now: now, last: map[string]published{}}
}

// Change has the hook publish by another Spec of its device. What was
// published last of properties that are published as before holds on.
func (h *Hook) Change(spec *Spec) {
	last := map[string]published{}
	for i, c := range diff(h.spec, spec) {
		name := spec.Properties[i].Point.Name
		if before, ok := h.last[name]; ok && c.published {
			last[name] = before
		}
	}
	h.spec, h.last = spec, last
}

// A Collected is one reading of one property.
type Collected struct {
	Property int // its place in Spec.Properties
	Reading  driver.Reading
}

// Publish publishes what the rules let through, in one call. A reading with
// an error is no message. A refusal is counted, logged once until its reason
// changes, and leaves the filters as they were. Readings that no message can
// carry are returned, with Err saying why; the others are published.
func (h *Hook) Publish(log klog.Logger, collected []Collected) (unfit []Collected) {
	var messages []dataplane.Message
	var compared []int // places of the messages that a rule will compare the next ones with
	for i, c := range collected {
		if c.Reading.Err != nil {
			continue
		}
		p := &h.spec.Properties[c.Property]
		h.tally.read(p.Rules.Class)
		if !p.Rules.Publish {
			h.tally.filter(p.Rules.Class, publishOff)
			continue
		}
		m, err := h.message(p, c.Reading)
		if err != nil {
			h.tally.refuse(p.Rules.Class)
			c.Reading.Err = fmt.Errorf("publish: %w", err)
			unfit = append(unfit, c)
			continue
		}
		if by := p.Rules.judge(h.last[p.Point.Name], publishedOf(&m)); by != passed {
			h.tally.filter(p.Rules.Class, by)
			continue
		}
		if messages == nil {
			messages = make([]dataplane.Message, 0, len(collected)-i)
		}
		if p.Rules.compare() {
			compared = append(compared, len(messages))
		}
		messages = append(messages, m)
	}
	if len(messages) > 0 && h.offer(log, messages) {
		for _, i := range compared {
			h.last[messages[i].Property] = publishedOf(&messages[i])
		}
	}
	return unfit
}

// Refused returns how many messages the publisher has refused.
func (h *Hook) Refused() uint64 { return h.refused }

// offer hands the messages over and tells whether they were accepted.
func (h *Hook) offer(log klog.Logger, messages []dataplane.Message) bool {
	refusal := ""
	if err := h.tally.offer(h.publisher, messages); err != nil {
		refusal = err.Error()
		h.refused += uint64(len(messages))
	}
	if refusal != h.refusal {
		if refusal != "" {
			log.Info("Data plane refuses values: they are lost", "reason", refusal)
		} else {
			log.Info("Data plane takes values again", "lost", h.refused)
		}
		h.refusal = refusal
	}
	return refusal == ""
}

// publishedOf returns what the filter compares.
func publishedOf(m *dataplane.Message) published {
	return published{value: m.Value, quality: m.Quality, time: m.Time}
}

// message makes a message of a reading, valid but for what the publisher
// gives.
func (h *Hook) message(p *Property, r driver.Reading) (dataplane.Message, error) {
	if !p.Point.Type.Holds(r.Value) {
		return dataplane.Message{}, fmt.Errorf("driver read a %T for type %s", r.Value, p.Point.Type)
	}
	value, err := dataplane.ValueOf(r.Value)
	if err != nil {
		return dataplane.Message{}, err
	}
	m := dataplane.Message{
		Topic:     p.Rules.Topic,
		Namespace: h.spec.Key.Namespace,
		Device:    h.spec.Key.Name,
		Property:  p.Point.Name,
		Class:     p.Rules.Class,
		Value:     value,
		Unit:      p.Unit,
		Time:      r.Time,
		Quality:   h.quality(value, r),
	}
	return m, m.Validate()
}

func (h *Hook) quality(value dataplane.Value, r driver.Reading) dataplane.Quality {
	switch {
	case !value.Finite():
		return dataplane.Bad("not a finite number")
	case r.Suspect != "":
		return dataplane.Bad(r.Suspect)
	}
	return dataplane.Timely(r.Time, h.now(), "the mapper's clock")
}
