package mapper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"datastub/dataplane"
)

// An eventsRig is Events that run in a synctest bubble.
type eventsRig struct {
	*Events
	t         *testing.T
	publisher *recorder
	log       ktesting.Buffer
	tally     Tally
	stop      func()
}

func newEventsRig(t *testing.T) *eventsRig {
	r := &eventsRig{t: t, publisher: &recorder{}}
	r.Events = NewEvents(r.publisher, &r.tally)
	log := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true)))
	r.log = log.GetSink().(ktesting.Underlier).GetBuffer()
	ctx, cancel := context.WithCancel(klog.NewContext(t.Context(), log))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	return r
}

// told returns the events that were published since it was asked last, each as
// topic, device, property, event, reason and number of missed ones.
func (r *eventsRig) told() (events []string) {
	r.t.Helper()
	synctest.Wait()
	for _, call := range r.publisher.take() {
		for _, m := range call {
			text, _ := m.Value.Text()
			var said struct {
				Event, Reason string
				Since         time.Time
				Missed        int
			}
			if err := json.Unmarshal([]byte(text), &said); err != nil || said.Since.After(m.Time) || m.Class != dataplane.RT {
				r.t.Fatalf("event %+v, %s: %v", m, text, err)
			}
			plain := m
			plain.Topic = strings.TrimPrefix(m.Topic, dataplane.EventTopic+"/")
			if err := plain.Validate(); err != nil {
				r.t.Errorf("event %+v: %v", m, err)
			}
			line := fmt.Sprintf("%s %s/%s %s: %s %s", plain.Topic, m.Namespace, m.Device, m.Property, said.Event, said.Reason)
			if said.Missed > 0 {
				line += fmt.Sprintf(" missed=%d", said.Missed)
			}
			events = append(events, strings.TrimSpace(line))
		}
	}
	return events
}

func (r *eventsRig) want(want ...string) {
	r.t.Helper()
	if got := r.told(); !slices.Equal(got, want) {
		r.t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Each change is told once, of a device, of each of its properties and of the
// model, in the state that it is in when the mapper starts and after that.
func TestEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newEventsRig(t)
		defer r.stop()
		d, other := Key{"default", "d"}, Key{"default", "other"}
		online := Health{State: Online}
		missing := Health{State: Unhealthy, Reason: "no model", Faults: []Fault{{Model: "m", Reason: "no model"}}}
		hot := Fault{Property: "heat", Reason: "heat: illegal address"}
		for _, step := range []struct {
			name string
			do   func()
			want []string
		}{
			{"a start", func() { r.ReportHealth(d, online) }, []string{"device default/d : online"}},
			{"the same again", func() { r.ReportHealth(d, online) }, nil},
			{"it is gone", func() { r.ReportHealth(d, Health{State: Offline, Reason: "no route"}) }, []string{"device default/d : offline no route"}},
			{"it comes back with a fault", func() { r.ReportHealth(d, Health{State: Unhealthy, Reason: hot.Reason, Faults: []Fault{hot}}) },
				[]string{"device default/d : unhealthy heat: illegal address", "property default/d heat: faulty heat: illegal address"}},
			{"another property, too", func() {
				r.ReportHealth(d, Health{State: Unhealthy, Reason: "a (and 1 more)", Faults: []Fault{{Property: "a", Reason: "a: b"}, hot}})
			}, []string{"property default/d a: faulty a: b"}},
			{"another reason", func() {
				r.ReportHealth(d, Health{State: Unhealthy, Reason: "a (and 1 more)", Faults: []Fault{{Property: "a", Reason: "a: c"}, {Property: "a", Reason: "a: d"}, hot}})
			}, []string{"property default/d a: faulty a: c"}},
			{"offline, and what was wrong is so still", func() {
				r.ReportHealth(d, Health{State: Offline, Reason: "no route", Faults: []Fault{{Property: "a", Reason: "a: c"}, hot}})
			}, []string{"device default/d : offline no route"}},
			{"offline for another reason", func() {
				r.ReportHealth(d, Health{State: Offline, Reason: "refused", Faults: []Fault{{Property: "a", Reason: "a: c"}, hot}})
			}, []string{"device default/d : offline refused"}},
			{"all is mended", func() { r.ReportHealth(d, online) },
				[]string{"device default/d : online", "property default/d a: mended", "property default/d heat: mended"}},
			{"the device itself has two faults in turn", func() {
				for _, reason := range []string{"hangs", "garbage"} {
					r.ReportHealth(d, Health{State: Unhealthy, Reason: reason, Faults: []Fault{{Reason: reason}}})
				}
			}, []string{"device default/d : unhealthy hangs", "device default/d : unhealthy garbage"}},
			{"the model is gone", func() { r.ReportHealth(d, missing) }, []string{"device default/d : unhealthy no model", "model default/m : missing no model"}},
			{"for another, too", func() { r.ReportHealth(other, missing) }, []string{"device default/other : unhealthy no model"}},
			{"one has it", func() { r.ReportHealth(d, online) }, []string{"device default/d : online"}},
			{"the other one is removed", func() { r.Removed(other) }, []string{"device default/other : removed", "model default/m : mended"}},
			{"who was never seen is", func() { r.Removed(Key{"default", "stranger"}) }, nil},
			{"it comes again", func() { r.ReportHealth(other, online) }, []string{"device default/other : online"}},
		} {
			<-time.After(eventWindow)
			step.do()
			t.Log(step.name)
			r.want(step.want...)
		}
		if len(r.accounts) != 2 || len(r.lacked) != 0 || len(r.late) != 0 {
			t.Errorf("left are %d accounts, %d models, %d late", len(r.accounts), len(r.lacked), len(r.late))
		}
	})
}

// A device that flaps has its budget of events; how it is in the end is told
// when there is budget again, with the number of changes in between. Others are
// told at once.
func TestEventsOfAFlappingDevice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newEventsRig(t)
		defer r.stop()
		d := Key{"default", "d"}
		for range 20 {
			r.ReportHealth(d, Health{State: Online})
			r.ReportHealth(d, Health{State: Offline, Reason: "no route"})
		}
		if got := r.told(); len(got) != eventBudget || got[eventBudget-1] != "device default/d : offline no route" {
			t.Errorf("got %d events: %q", len(got), got)
		}
		r.ReportHealth(Key{"default", "other"}, Health{State: Online})
		r.want("device default/other : online")
		<-time.After(eventWindow - time.Second)
		r.want()
		<-time.After(3 * time.Second)
		r.want("device default/d : offline no route missed=29")
		if got := r.missed.Load(); got != 29 {
			t.Errorf("counted %d missed events", got)
		}
		<-time.After(time.Hour)
		r.want()
	})
}

// Many faults of one device are all told, a few a minute.
func TestEventsOfManyProperties(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newEventsRig(t)
		defer r.stop()
		h := Health{State: Unhealthy, Reason: "many"}
		for i := range 3 * eventBudget {
			h.Faults = append(h.Faults, Fault{Property: fmt.Sprintf("p%02d", i), Reason: "wrong"})
		}
		r.ReportHealth(Key{"default", "d"}, h)
		for left := 1 + len(h.Faults); left > 0; <-time.After(eventWindow + time.Second) {
			got := len(r.told())
			if want := min(left, eventBudget-ownBudget); got != want {
				t.Fatalf("got %d events at once, want %d", got, want)
			}
			left -= got
		}
		<-time.After(time.Hour)
		r.want()
	})
}

// However many of its properties are wrong, how the device itself is is told at
// once.
func TestEventsOfADeviceBesideItsProperties(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newEventsRig(t)
		defer r.stop()
		d := Key{"default", "d"}
		h := Health{State: Offline, Reason: "no route"}
		for i := range 3 * eventBudget {
			h.Faults = append(h.Faults, Fault{Property: fmt.Sprintf("p%02d", i), Reason: "not written"})
		}
		r.ReportHealth(d, h)
		if got := r.told(); len(got) != eventBudget-ownBudget || got[0] != "device default/d : offline no route" {
			t.Errorf("got %q", got)
		}
		<-time.After(time.Second)
		r.ReportHealth(d, Health{State: Unhealthy, Reason: "many", Faults: h.Faults})
		r.want("device default/d : unhealthy many")
	})
}

// Events that nobody takes are logged once; what comes later is told again.
func TestEventsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newEventsRig(t)
		r.publisher.refuse(errors.New("the spool is closed"))
		for i := range 3 {
			r.ReportHealth(Key{"default", fmt.Sprint(i)}, Health{State: Online})
			synctest.Wait()
		}
		want := `INFO Data plane refuses events of devices: they are lost reason="the spool is closed"` + "\n"
		if got := r.log.String(); got != want {
			t.Errorf("logged\n%s\nwant\n%s", got, want)
		}
		r.publisher.refuse(nil)
		r.ReportHealth(Key{"default", "3"}, Health{State: Online})
		r.stop()
		r.want("device default/3 : online")
		if n := r.tally.Count(dataplane.RT); n.Read != 4 || n.Refused != 3 || n.Accepted != 1 {
			t.Errorf("counted %+v", n)
		}
	})
}

// picky is a Publisher that refuses what is of one device.
type picky struct {
	recorder
	device string
}

func (p *picky) Publish(messages []dataplane.Message) error {
	for _, m := range messages {
		if m.Device == p.device {
			return errors.New("wrong: " + m.Device)
		}
	}
	return p.recorder.Publish(messages)
}

// An event that is refused takes no others along, and is counted as lost.
func TestEventsBesideOneThatIsRefused(t *testing.T) {
	t.Parallel()
	publisher, tally := &picky{device: "13"}, &Tally{}
	e := NewEvents(publisher, tally)
	for i := range 2 * eventsAtOnce {
		e.ReportHealth(Key{"default", fmt.Sprint(i)}, Health{State: Online})
	}
	if refusal := e.publish(klog.Background(), e.take(), ""); refusal != "" {
		t.Errorf("the last was refused: %s", refusal)
	}
	told := slices.Concat(publisher.take()...)
	for i, j := 0, 0; i < 2*eventsAtOnce; i++ {
		if i == 13 {
			continue
		}
		if j == len(told) || told[j].Device != fmt.Sprint(i) {
			t.Fatalf("%d events were told, want all but the one, in order", len(told))
		}
		j++
	}
	want := dataplane.EdgeCount{Read: 2 * eventsAtOnce, Refused: 1, Accepted: 2*eventsAtOnce - 1}
	if got := tally.Count(dataplane.RT); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// A mapper's start with many devices, and whatever their names are.
func TestEventsAtAStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newEventsRig(t)
		defer r.stop()
		for i := range 10_000 {
			r.ReportHealth(Key{"default", fmt.Sprint(i)}, Health{State: Online})
		}
		if got := len(r.told()); got != 10_000 {
			t.Errorf("got %d events", got)
		}
		for _, name := range []string{"a/b", "$x", "a b+#", strings.Repeat("n", 253), strings.Repeat("/", 300)} {
			r.ReportHealth(Key{name, name}, Health{State: Unhealthy, Reason: strings.Repeat("r", 1<<20)})
		}
		if got := len(r.told()); got != 5 {
			t.Errorf("got %d events", got)
		}
	})
}
