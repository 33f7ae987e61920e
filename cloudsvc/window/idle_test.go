package window

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"datastub/dataplane"
)

// rest has everybody be idle who sent nothing behind a line.
func (b *bench) rest(since uint64) []Delivery {
	b.t.Helper()
	b.r.Rest(Place{Block: since})
	b.restart()
	b.r.Pass(b.r.at)
	return b.take()
}

// restart resumes at what is stored, and reads nothing again.
func (b *bench) restart() {
	b.t.Helper()
	state, err := b.r.State()
	if err != nil {
		b.t.Fatal(err)
	}
	if from, err := StateFrom(state); err != nil || from != b.r.at {
		return // a window is open
	}
	if b.r, err = New(Options{Subscription: "sub_1", Spec: b.r.spec, State: state}); err != nil {
		b.t.Fatal(err)
	}
}

// from returns where the log would be read again from.
func (b *bench) from() Place {
	b.t.Helper()
	state, err := b.r.State()
	if err != nil {
		b.t.Fatal(err)
	}
	from, err := StateFrom(state)
	if err != nil {
		b.t.Fatal(err)
	}
	return from
}

// Who is idle gets his last window, holds nobody's place in the log, and goes on
// behind it.
func TestIdle(t *testing.T) {
	t.Parallel()
	b := newBench(t, Spec{Size: time.Minute, Slide: 30 * time.Second, Functions: Count | Sum, Lateness: 10 * time.Second})
	one := dataplane.IntValue(1)
	b.want(reading(0, one))
	other := reading(0, one)
	other.ID.Publisher = "edge-2/mapper"
	b.want(other)
	if !b.r.Silent(Place{Block: 1}) || b.r.Silent(Place{}) {
		t.Error("edge-1 is silent since its message, and nobody is since the beginning")
	}
	if w := join(t, b.rest(1)); len(w) != 2 || w[0].Publisher != "edge-1/mapper" || *w[1].Rows[0].Count != 1 {
		t.Fatalf("closed %+v, want both windows of edge-1", w)
	}
	if b.r.Silent(Place{Block: 1}) {
		t.Error("who is idle is silent again")
	}
	if from := b.from(); from != (Place{Block: 1}) {
		t.Errorf("read again from %v, want before the message of edge-2", from)
	}
	b.want(reading(29*time.Second, one)) // late
	b.want(reading(61*time.Second, one))
	b.want(reading(101*time.Second, one), "30s: 1 1 late 1 untimed 0")
}

// A gap of one who has no window open is only counted, so that it holds no place.
func TestIdleWithGaps(t *testing.T) {
	t.Parallel()
	b := newBench(t, Spec{Size: time.Minute, Slide: time.Minute, Functions: Count | Sum})
	b.n++
	gap := dataplane.Loss{Publisher: "edge-1/mapper", From: 1, To: 2, Count: 2}
	if err := b.r.Lose(Place{Block: b.n}, &gap); err != nil {
		t.Fatal(err)
	}
	b.rest(1)
	b.restart()
	if from := b.from(); from != (Place{Block: 1}) {
		t.Errorf("read again from %v", from)
	}
	s := b.r.sources["edge-1/mapper"]
	if s.lose(&gap, Place{}, Place{Block: b.n}); len(s.losses) > 0 {
		t.Error("what was counted is taken in again")
	}
	b.send(reading(0, dataplane.IntValue(1)))
	m := reading(time.Minute, dataplane.IntValue(1))
	b.n++
	m.Seq = b.n
	if err := b.r.Add(Place{Block: b.n}, &m); err != nil {
		t.Fatal(err)
	}
	if w := join(t, b.take()); len(w) != 1 || w[0].Unlisted != 1 || len(w[0].Missing) != 0 {
		t.Errorf("%+v, want a gap that is not listed", w)
	}
}

// Publishers whose names change make room for those that come.
func TestForgets(t *testing.T) {
	t.Parallel()
	b := newBench(t, Spec{Size: time.Minute, Slide: time.Minute, Functions: Count})
	from := func(i int) dataplane.Message {
		m := reading(0, dataplane.IntValue(1))
		m.ID.Publisher, m.Seq = fmt.Sprintf("edge-%d/mapper", i), 1
		return m
	}
	for i := range maxSources {
		b.send(from(i))
	}
	var limit *LimitError
	m := from(maxSources)
	if err := b.r.Add(Place{Block: b.n + 1}, &m); !errors.As(err, &limit) {
		t.Fatalf("one more, while nobody is idle: %v", err)
	}
	if w := b.rest(2); len(w) != 2 {
		t.Fatalf("%d windows of those who are idle, want 2", len(w))
	}
	b.send(from(maxSources))
	b.send(from(maxSources + 1))
	if s := b.r.Status(); s.Publishers != maxSources || b.r.sources["edge-0/mapper"] != nil || b.r.sources["edge-1/mapper"] != nil {
		t.Errorf("%+v, want those forgotten who were idle", s)
	}
	// What is read again of one who was forgotten takes nothing in.
	state, err := b.r.State()
	if err != nil {
		t.Fatal(err)
	}
	if b.r, err = New(Options{Subscription: "sub_1", Spec: b.r.spec, State: state}); err != nil {
		t.Fatal(err)
	}
	b.n = b.r.From().Block
	b.send(from(0))
	if len(b.r.sources) != maxSources || b.r.sources["edge-0/mapper"] != nil {
		t.Errorf("%d publishers, want no other", len(b.r.sources))
	}
}
