package mapper

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"datastub/dataplane"
	"datastub/driver"
)

// A recorder is a Publisher that keeps each call's messages, or refuses them.
type recorder struct {
	mu    sync.Mutex
	calls [][]dataplane.Message
	err   error
}

func (r *recorder) Publish(messages []dataplane.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	r.calls = append(r.calls, append([]dataplane.Message(nil), messages...))
	return nil
}

func (r *recorder) refuse(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// take returns the calls so far and forgets them.
func (r *recorder) take() [][]dataplane.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// newTestHook returns the hook of a device at noon with a double "level", RT
// and onChange, a string "mode", BT, and an int "count" that is not published.
func newTestHook(p Publisher) *Hook {
	property := func(name string, typ driver.Type, rules Rules) Property {
		return Property{Point: driver.PointConfig{Name: name, Type: typ}, Unit: "u", Rules: rules}
	}
	spec := &Spec{
		Key: Key{"plant", "silo-7"},
		Properties: []Property{
			property("level", driver.Double, Rules{Topic: "silo/level", Class: dataplane.RT, Publish: true, OnChange: true}),
			property("mode", driver.String, Rules{Topic: "silo/mode", Class: dataplane.BT, Publish: true}),
			property("count", driver.Int, Rules{Topic: "silo/count", Class: dataplane.BT}),
		},
	}
	return NewHook(spec, p, new(Tally), func() time.Time { return noon })
}

func read(property int, value any) Collected {
	return Collected{Property: property, Reading: driver.Reading{Value: value, Time: noon}}
}

func TestHookPublishesOneSet(t *testing.T) {
	t.Parallel()
	p := &recorder{}
	h := newTestHook(p)
	broken := Collected{Property: 1, Reading: driver.Reading{Err: errors.New("no answer")}}
	if unfit := h.Publish(klog.Background(), []Collected{read(0, 1.5), read(1, "auto"), read(2, int64(9)), broken}); len(unfit) > 0 {
		t.Errorf("unfit: %v", unfit)
	}
	message := dataplane.Message{
		Topic: "silo/level", Namespace: "plant", Device: "silo-7", Property: "level", Class: dataplane.RT,
		Value: dataplane.DoubleValue(1.5), Unit: "u", Time: noon, Quality: dataplane.Good,
	}
	second := message
	second.Topic, second.Property, second.Class, second.Value = "silo/mode", "mode", dataplane.BT, dataplane.StringValue("auto")
	if got, want := p.take(), [][]dataplane.Message{{message, second}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	h.Publish(klog.Background(), []Collected{read(0, 1.5)})
	if got := p.take(); len(got) > 0 {
		t.Errorf("no change, but published: %+v", got)
	}
}

func TestHookQuality(t *testing.T) {
	t.Parallel()
	tests := []struct {
		reading driver.Reading
		want    dataplane.Quality
	}{
		{driver.Reading{Value: 1.5, Time: noon}, "good"},
		{driver.Reading{Value: math.NaN(), Time: noon, Suspect: "above max 100"}, "bad: not a finite number"},
		{driver.Reading{Value: math.Inf(-1), Time: noon}, "bad: not a finite number"},
		{driver.Reading{Value: 101.0, Time: noon, Suspect: "above max 100"}, "bad: above max 100"},
		{driver.Reading{Value: 1.5, Time: noon.Add(time.Hour)}, "good"},
		{driver.Reading{Value: 1.5, Time: noon.Add(time.Hour + 1)}, "uncertain: time is more than 1h ahead of the mapper's clock"},
		{driver.Reading{Value: 1.5, Time: noon, Suspect: strings.Repeat("ä", 200)}, dataplane.Quality("bad: " + strings.Repeat("ä", 125))},
	}
	for _, test := range tests {
		p := &recorder{}
		if unfit := newTestHook(p).Publish(klog.Background(), []Collected{{Reading: test.reading}}); len(unfit) > 0 {
			t.Errorf("%+v: %v", test.reading, unfit[0].Reading.Err)
			continue
		}
		if got := p.take()[0][0].Quality; got != test.want {
			t.Errorf("%+v: got %q, want %q", test.reading, got, test.want)
		}
	}
}

func TestHookSortsOutWhatNoMessageCarries(t *testing.T) {
	t.Parallel()
	p := &recorder{}
	unfit := newTestHook(p).Publish(klog.Background(), []Collected{
		read(0, "a string"), read(1, strings.Repeat("x", dataplane.MaxMessage)), read(1, "auto"),
	})
	if len(unfit) != 2 || !strings.Contains(unfit[0].Reading.Err.Error(), "driver read a string for type DOUBLE") ||
		!strings.Contains(unfit[1].Reading.Err.Error(), "bytes large") {
		t.Errorf("unfit: %+.200v", unfit)
	}
	if got := p.take(); len(got) != 1 || len(got[0]) != 1 || got[0][0].Property != "mode" {
		t.Errorf("got %+v", got)
	}
}

// A refusal is logged when it begins, changes and ends; the filter does not
// count what was refused as published.
func TestHookRefused(t *testing.T) {
	t.Parallel()
	p := &recorder{}
	h := newTestHook(p)
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true)))
	for _, err := range []error{errors.New("full"), errors.New("full"), errors.New("closed"), nil, nil} {
		p.refuse(err)
		h.Publish(logger, []Collected{read(0, 1.5), read(1, "auto")})
	}
	if h.Refused() != 6 {
		t.Errorf("refused %d messages, want 6", h.Refused())
	}
	calls := p.take()
	if len(calls) != 2 || len(calls[0]) != 2 || len(calls[1]) != 1 {
		t.Errorf("got %+v", calls)
	}
	log := logger.GetSink().(ktesting.Underlier).GetBuffer().String()
	if got := strings.Count(log, "\n"); got != 3 || !strings.Contains(log, "full") || !strings.Contains(log, "closed") || !strings.Contains(log, "lost=6") {
		t.Errorf("got %d lines:\n%s", got, log)
	}
}
