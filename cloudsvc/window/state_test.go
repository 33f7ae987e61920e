package window

import (
	"errors"
	"testing"
	"time"

	"datastub/dataplane"
)

func TestOtherState(t *testing.T) {
	t.Parallel()
	spec := Spec{Size: time.Minute, Slide: time.Minute, Functions: Count}
	b := newBench(t, spec)
	b.send(reading(0, dataplane.IntValue(1)))
	state, err := b.r.State()
	if err != nil {
		t.Fatal(err)
	}
	if from, err := StateFrom(state); err != nil || from != (Place{}) {
		t.Errorf("from %v, %v", from, err)
	}
	spec.Lateness = time.Second
	if _, err := New(Options{Subscription: "sub_1", Spec: spec, State: state}); !errors.Is(err, ErrOtherSpec) {
		t.Errorf("another spec: %v", err)
	}
	spec.Lateness = 0
	if _, err := New(Options{Subscription: "sub_1", Topic: "other", Spec: spec, State: state}); !errors.Is(err, ErrOtherSpec) {
		t.Errorf("another topic: %v", err)
	}
	for n := range state {
		if _, err := New(Options{Subscription: "sub_1", Spec: b.r.spec, State: state[:n]}); !errors.Is(err, errState) && !errors.Is(err, ErrOtherSpec) {
			t.Errorf("%d bytes of it: %v", n, err)
		}
	}
}

func FuzzState(f *testing.F) {
	spec := Spec{Size: time.Minute, Slide: time.Minute, Functions: Count}
	b := newBench(f, spec)
	m := reading(0, dataplane.IntValue(1))
	b.send(m)
	state, _ := b.r.State()
	f.Add(state[9:])
	f.Fuzz(func(_ *testing.T, rest []byte) {
		r, err := New(Options{Subscription: "sub_1", Spec: spec, State: append(state[:9:9], rest...)})
		if err == nil {
			_ = r.Add(Place{Block: 1 << 40}, &m)
		}
	})
}
