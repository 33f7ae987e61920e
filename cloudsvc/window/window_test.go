package window

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
)

// noon is where the tests begin.
var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// bench is a Reducer that is given messages one after another.
type bench struct {
	t testing.TB
	r *Reducer
	n uint64
}

func newBench(t testing.TB, spec Spec) *bench {
	t.Helper()
	r, err := New(Options{Subscription: "sub_1", Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, r: r}
}

// reading returns a message of boiler-1 so long behind noon.
func reading(behind time.Duration, value dataplane.Value) dataplane.Message {
	return dataplane.Message{
		ID:    dataplane.ID{Publisher: "edge-1/mapper", Class: dataplane.BT, Epoch: 7, Seq: 1},
		Topic: "sensor/temperature", Namespace: "default", Device: "boiler-1", Class: dataplane.BT,
		Value: value, Unit: "°C", Time: noon.Add(behind), Node: "edge-1",
	}
}

// send has a message taken in, and returns what closes, as start, rows and late.
func (b *bench) send(m dataplane.Message) (closed []string) {
	b.t.Helper()
	b.n++
	if m.Seq == 0 {
		m.Seq = b.n
	}
	if err := b.r.Add(Place{Block: b.n}, &m); err != nil {
		b.t.Fatal(err)
	}
	for _, w := range join(b.t, b.take()) {
		text := fmt.Sprintf("%v:", w.Window.Start.Sub(noon))
		for _, r := range w.Rows {
			text += fmt.Sprintf(" %d %s", *r.Count, r.Sum)
		}
		closed = append(closed, text+fmt.Sprintf(" late %d untimed %d", w.Late, w.Untimed))
	}
	return closed
}

// take returns what is to be delivered.
func (b *bench) take() (made []Delivery) {
	b.t.Helper()
	for {
		d, err := b.r.Next()
		if err != nil {
			b.t.Fatal(err)
		}
		if d == nil {
			return made
		}
		made = append(made, *d)
	}
}

func (b *bench) want(m dataplane.Message, want ...string) {
	b.t.Helper()
	if got := b.send(m); strings.Join(got, "\n") != strings.Join(want, "\n") {
		b.t.Errorf("at %v closed %q, want %q", m.Time.Sub(noon), got, want)
	}
}

func TestClosing(t *testing.T) {
	t.Parallel()
	one := dataplane.IntValue(1)
	t.Run("tumbling", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, Spec{Size: time.Minute, Slide: time.Minute, Functions: Count | Sum, Lateness: 10 * time.Second})
		b.want(reading(59*time.Second, one))
		b.want(reading(time.Minute, one))
		b.want(reading(0, one)) // a window is from its start on
		b.want(reading(70*time.Second-1, one))
		b.want(reading(70*time.Second, one), "0s: 2 2 late 0 untimed 0")
		b.want(reading(59*time.Second, one)) // late
		b.want(reading(48*time.Hour, one), "1m0s: 3 3 late 1 untimed 0")
	})
	t.Run("sliding", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, Spec{Size: time.Minute, Slide: 30 * time.Second, Functions: Count | Sum})
		b.want(reading(0, one))
		b.want(reading(31*time.Second, one), "-30s: 1 1 late 0 untimed 0")
		b.want(reading(10*time.Second, one)) // one of its windows is open
		b.want(reading(60*time.Second, one), "0s: 3 3 late 0 untimed 0")
		b.want(reading(29*time.Second, one)) // none
		b.want(reading(time.Hour, one), "30s: 2 2 late 1 untimed 0", "1m0s: 1 1 late 0 untimed 0")
	})
	t.Run("a time ahead", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, Spec{Size: time.Minute, Slide: time.Minute, Functions: Count | Sum})
		b.want(reading(0, one))
		ahead := reading(100*time.Hour, one)
		ahead.Quality = dataplane.Timely(ahead.Time, noon, "the mapper's clock")
		b.want(ahead)
		b.want(reading(time.Second, one))
		last := reading(0, one)
		last.Time = time.Unix(0, math.MaxInt64) // windows have no end there
		b.want(last)
		b.want(reading(time.Minute, one), "0s: 2 2 late 0 untimed 2")
	})
	t.Run("a clock set back", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, Spec{Size: time.Minute, Slide: time.Minute, Functions: Count | Sum})
		b.want(reading(2*time.Minute, one))
		b.want(reading(0, one))
		b.want(reading(time.Minute, one))
		b.want(reading(3*time.Minute, one), "2m0s: 1 1 late 2 untimed 0")
	})
	t.Run("nobody closes another's", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, Spec{Size: time.Minute, Slide: time.Minute, Functions: Count | Sum})
		b.want(reading(0, one))
		other := reading(48*time.Hour, one)
		other.ID.Publisher = "edge-1/other"
		b.want(other)
		b.want(reading(time.Second, one))
		if s := b.r.Status(); s != (Status{Publishers: 2, Open: 2, Oldest: noon, Publisher: "edge-1/mapper"}) {
			t.Errorf("%+v", s)
		}
	})
}

// The body is what receivers depend on.
func TestBody(t *testing.T) {
	t.Parallel()
	b := newBench(t, Spec{Size: time.Minute, Slide: time.Minute, By: Topic | Device, Functions: Count | Min | Max | Avg | Sum | First | Last})
	b.send(reading(0, dataplane.FloatValue(21.3)))
	b.send(reading(time.Second, dataplane.FloatValue(20)))
	bad := reading(time.Second, dataplane.FloatValue(900))
	bad.Quality = dataplane.Bad("above max 100")
	b.send(bad)
	text := reading(2*time.Second, dataplane.StringValue(`"on"`))
	text.Topic, text.Unit, text.Seq = "state", "", 1
	b.send(text)
	jump := reading(time.Minute, dataplane.FloatValue(0))
	jump.Seq = 9
	b.n++
	if err := b.r.Lose(Place{Block: b.n}, &dataplane.Loss{Publisher: "edge-1/mapper", Namespace: "default", From: 100, Reason: "the edge lost power"}); err != nil {
		t.Fatal(err)
	}
	b.n++
	if err := b.r.Add(Place{Block: b.n}, &jump); err != nil {
		t.Fatal(err)
	}
	want := `{"id":"win_ID-1","subscription":"sub_1","publisher":"edge-1/mapper","node":"edge-1",` +
		`"window":{"start":"2026-08-01T12:00:00Z","end":"2026-08-01T12:01:00Z"},"part":1,"parts":1,"late":0,"untimed":0,"rows":[` +
		`{"namespace":"default","topic":"sensor/temperature","device":"boiler-1","type":"float","unit":"°C","count":2,"bad":1,` +
		`"min":20.0,"max":21.3,"avg":20.649999618530273,"sum":41.29999923706055,"first":21.3,"last":20.0},` +
		`{"namespace":"default","topic":"state","device":"boiler-1","type":"string","unit":"","count":1,"bad":0,` +
		`"min":null,"max":null,"avg":null,"sum":null,"first":"\"on\"","last":"\"on\""}],` +
		`"covers":[{"namespace":"default","topic":"sensor/temperature","device":"boiler-1","from":1,"to":3,"count":3},` +
		`{"namespace":"default","topic":"state","device":"boiler-1","from":1,"to":1,"count":1}],` +
		`"missing":[{"publisher":"edge-1/mapper","namespace":"default","topic":"","device":"","from":100,"reason":"the edge lost power"},` +
		`{"publisher":"edge-1/mapper","namespace":"default","topic":"sensor/temperature","device":"boiler-1","from":4,"to":8,"count":5,` +
		`"reason":"no message of class BT came with these sequences"}]}`
	made := b.take()
	if len(made) != 1 {
		t.Fatalf("%d deliveries", len(made))
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(made[0].ID, "win_"), "-1")
	if got := strings.ReplaceAll(string(made[0].Body), id, "ID"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What the log lost while nobody read it is told to each publisher, once, also
// by a Reducer that resumes.
func TestCut(t *testing.T) {
	t.Parallel()
	spec := Spec{Size: time.Minute, Slide: time.Minute, Functions: Count}
	b := newBench(t, spec)
	b.send(reading(0, dataplane.IntValue(1)))
	for from := range uint64(2) {
		b.n++
		b.r.Cut(Place{Block: b.n}, &dataplane.Loss{Publisher: "cloudsvc/log", From: 3 + from, Reason: fmt.Sprintf("block %d is gone", 3+from)})
	}
	state, err := b.r.State()
	if err != nil {
		t.Fatal(err)
	}
	if b.r, err = New(Options{Subscription: "sub_1", Spec: spec, State: state}); err != nil {
		t.Fatal(err)
	}
	b.n = 0
	b.send(reading(0, dataplane.IntValue(1)))
	b.n = 5
	for at, want := range []uint64{3, 0, 9, 0} { // From; 0: none
		if want == 9 { // all were told of the one before
			b.n++
			b.r.Cut(Place{Block: b.n}, &dataplane.Loss{Publisher: "cloudsvc/log", From: 9, Reason: "block 4 is gone"})
		}
		m := reading(time.Duration(at+1)*time.Minute, dataplane.IntValue(1))
		b.n++
		m.Seq = uint64(at) + 2
		if err := b.r.Add(Place{Block: b.n}, &m); err != nil {
			t.Fatal(err)
		}
		w := join(t, b.take())
		if len(w) != 1 || (len(w[0].Missing) == 1) != (want != 0) || want != 0 && (w[0].Missing[0].From != want || w[0].Missing[0].Reason != "block 4 is gone") {
			t.Errorf("delivery %d: %+v", at, w)
		}
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	b := newBench(t, Spec{Size: time.Minute, Slide: time.Minute, By: Device, Functions: Last})
	const devices = 3000
	for i := range devices {
		m := reading(0, dataplane.StringValue(strings.Repeat("<", maxText)))
		m.Device = fmt.Sprintf("device-%04d", i)
		b.send(m)
	}
	m := reading(time.Minute, dataplane.IntValue(1))
	m.Device = "last"
	b.n++
	if err := b.r.Add(Place{Block: b.n}, &m); err != nil {
		t.Fatal(err)
	}
	made := b.take()
	for _, d := range made {
		if len(d.Body) > 200<<10 {
			t.Errorf("%s has %d bytes", d.ID, len(d.Body))
		}
	}
	if w := join(t, made); len(w) != 1 || len(w[0].Rows) != devices || len(w[0].Covers) != devices || w[0].Parts != len(made) || len(made) < 10 {
		t.Errorf("%d parts", len(made))
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	spec := Spec{Size: time.Minute, Slide: time.Minute, By: Device, Functions: Count}
	var limit *LimitError
	t.Run("rows", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, spec)
		for i := uint64(1); ; i++ {
			m := reading(0, dataplane.IntValue(1))
			m.Device = fmt.Sprint(i)
			if err := b.r.Add(Place{Block: i}, &m); err != nil {
				if !errors.As(err, &limit) || i < 60_000 {
					t.Errorf("message %d: %v", i, err)
				}
				return
			}
		}
	})
	t.Run("publishers", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, spec)
		for i := uint64(1); i <= maxSources; i++ {
			m := reading(0, dataplane.IntValue(1))
			m.ID.Publisher = fmt.Sprintf("edge-%d/mapper", i)
			b.send(m)
		}
		if state, err := b.r.State(); err != nil || len(state) > MaxState {
			t.Errorf("a state of %d bytes, %v", len(state), err)
		}
		m := reading(0, dataplane.IntValue(1))
		if m.ID.Publisher = "one/more"; !errors.As(b.r.Add(Place{Block: maxSources + 1}, &m), &limit) {
			t.Error("one more publisher is taken")
		}
	})
	t.Run("not taken", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, spec)
		b.send(reading(0, dataplane.IntValue(1)))
		m := reading(time.Minute, dataplane.IntValue(1))
		if err := b.r.Add(Place{Block: 2}, &m); err != nil {
			t.Fatal(err)
		}
		if _, err := b.r.State(); !errors.Is(err, errNotTaken) || !errors.Is(b.r.Add(Place{Block: 3}, &m), errNotTaken) {
			t.Error("goes on with windows that were not taken")
		}
	})
}

// What closes gives its memory back.
func TestWeight(t *testing.T) {
	t.Parallel()
	b := newBench(t, Spec{Size: time.Minute, Slide: 10 * time.Second, By: Device, Functions: Count | Last})
	b.send(reading(0, dataplane.StringValue("first")))
	before := b.r.weight
	for i := range 2_000 {
		m := reading(time.Duration(i)*time.Second, dataplane.StringValue(fmt.Sprint(i)))
		m.Device = fmt.Sprint("d", i%7)
		b.send(m)
		if err := b.r.Lose(Place{Block: b.n, Index: 1}, &dataplane.Loss{Publisher: "edge-1/mapper", From: 1}); err != nil {
			t.Fatal(err)
		}
	}
	b.send(reading(100*time.Hour, dataplane.StringValue("first")))
	if b.r.weight != before {
		t.Errorf("takes %d bytes in the end, %d in the beginning", b.r.weight, before)
	}
}
