package mapper

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver"
)

// values returns what was published to a topic, in order, and forgets all
// messages.
func (r *rig) values(topic string) []float64 {
	var values []float64
	for _, call := range r.publisher.take() {
		for _, m := range call {
			if f, ok := m.Value.Number(); ok && m.Topic == topic {
				values = append(values, f)
			}
		}
	}
	return values
}

// observedSpec returns a device that tells by itself, and is read once a minute.
func observedSpec() Spec {
	spec := scriptSpec("d", driver.Settings{"observe": "yes"})
	for i := range spec.Properties {
		spec.Properties[i].CollectCycle = time.Minute
	}
	return spec
}

// Each news is a reading, by the rules of its property; twins have the newest.
func TestFleetTakesNews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		spec := observedSpec()
		spec.Properties[1].Rules.OnChange = true
		r.fleet.Put(spec)
		pass(time.Millisecond)
		r.values("t/a")
		for _, value := range []float64{2, 3, 3, 4} {
			r.script.tell("a", value)
		}
		pass(10 * time.Millisecond)
		if got, want := r.values("t/a"), []float64{2, 3, 3, 4}; !slices.Equal(got, want) {
			t.Errorf("a: got %v, want %v", got, want)
		}
		for _, value := range []float64{2, 3, 3, 2} {
			r.script.tell("b", value)
		}
		pass(time.Second)
		if got, want := r.values("t/b"), []float64{2, 3, 2}; !slices.Equal(got, want) {
			t.Errorf("b, on change: got %v, want %v", got, want)
		}
		if twins := r.twins.get(); twins["a"] != 4.0 || twins["b"] != 2.0 {
			t.Errorf("reported: %v", twins)
		}
		r.wantStop(t)
		if n := r.script.observed["default/d"]; n != 0 {
			t.Errorf("%d calls of Observe have not ended", n)
		}
	})
}

// What was read before it was told stays the older one, whichever comes last.
func TestFleetKeepsNewsInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		answered := time.Now().Add(600 * time.Millisecond) // of which the read returns later
		r.script.set(func(s *script) {
			s.take = time.Second
			s.answer = func(string) driver.Reading { return driver.Reading{Value: 3.0, Time: answered} }
		})
		r.fleet.Put(observedSpec())
		pass(500 * time.Millisecond)
		r.script.tell("a", 2)
		pass(300 * time.Millisecond)
		r.script.tell("a", 4)
		pass(time.Second)
		if got, want := r.values("t/a"), []float64{2, 3, 4}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if got := r.twins.get()["a"]; got != 4.0 {
			t.Errorf("reported %v, want the newest, 4", got)
		}
		r.wantStop(t)
	})
}

// A device is observed anew for other points, after the last time has ended, and
// for nothing else.
func TestFleetObservesOtherPoints(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.fleet.Put(observedSpec())
		pass(time.Millisecond)
		first := r.script.points
		old := r.script.news

		slower := observedSpec()
		slower.Properties[0].CollectCycle = time.Hour
		r.fleet.Put(slower)
		pass(time.Millisecond)
		if !slices.Equal(r.script.points, first) || r.script.observed["default/d"] != 1 {
			t.Errorf("another cycle: observed are %v, by %d calls", r.script.points, r.script.observed["default/d"])
		}

		fewer := observedSpec()
		fewer.Properties = fewer.Properties[1:]
		r.fleet.Put(fewer)
		pass(time.Millisecond)
		if !slices.Equal(r.script.points, first[1:]) || r.script.observed["default/d"] != 1 {
			t.Errorf("one fewer: observed are %v, by %d calls", r.script.points, r.script.observed["default/d"])
		}
		r.publisher.take()
		old(first[0], driver.Reading{Value: 7.0, Time: time.Now()})
		pass(time.Second)
		if got := r.publisher.take(); len(got) != 0 {
			t.Errorf("published of a point that is gone: %v", got)
		}
		r.wantStop(t)
	})
}

// News without a value is trouble of its property until it is read.
func TestFleetNewsOfTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.fleet.Put(observedSpec())
		pass(time.Millisecond)
		r.script.news(r.script.points[0], driver.Reading{Err: errors.New("4.04 NotFound")})
		pass(time.Millisecond)
		r.wantHealth(t, "d", Unhealthy, "a: 4.04 NotFound")
		pass(time.Minute)
		r.wantHealth(t, "d", Online, "")
		r.wantStop(t)
	})
}

// What is too much is dropped, the oldest first, and counted.
func TestInboxDropsTheOldest(t *testing.T) {
	t.Parallel()
	var dropped atomic.Uint64
	b := inbox{dropped: &dropped}
	for n := range maxNews + 3 {
		b.put(tiding{reading: driver.Reading{Value: n}})
	}
	waiting := b.take()
	if len(waiting) != maxNews || waiting[0].reading.Value != 3 || dropped.Load() != 3 {
		t.Errorf("%d wait from %v on, %d dropped", len(waiting), waiting[0].reading.Value, dropped.Load())
	}
	if again := b.take(); len(again) != 0 {
		t.Errorf("%d are taken twice", len(again))
	}
}
