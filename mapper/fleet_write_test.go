package mapper

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"datastub/driver"
)

func TestFleetWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		spec := scriptSpec("d", nil)
		spec.Properties[0].Point.Settings = driver.Settings{"max": 100}
		spec.Properties[1].Point.ReadOnly = true
		void := Spec{Key: Key{"default", "void"}, Faults: []Fault{{Reason: "no model"}}, Void: true}
		hung := scriptSpec("hung", driver.Settings{"hang": "write"})
		for _, s := range []Spec{spec, void, hung} {
			r.fleet.Put(s)
		}
		pass(time.Millisecond)
		if got, ok := r.fleet.Spec(spec.Key); !ok || got.Model != "m" {
			t.Errorf("got %+v, %v", got, ok)
		}
		illegal := errors.New("illegal data address")
		steps := []struct {
			name           string
			device, target string
			text           string
			change         func(*script)
			want           error  // that is wrapped
			says           string // empty: it is held
		}{
			{"as it ought to be", "d", "a", "5", nil, nil, ""},
			{"no device", "x", "a", "5", nil, ErrNoDevice, "no such device: default/x"},
			{"no property", "d", "x", "5", nil, ErrNoProperty, "write x of default/d: no such property, or its settings are wrong"},
			{"read-only", "d", "b", "5", nil, driver.ErrReadOnly, "write b of default/d: point is read-only"},
			{"above max", "d", "a", "101", nil, nil, "write a of default/d: value: 101 is not a number, 100 at most"},
			{"void", "void", "a", "5", nil, driver.ErrUnreachable, "write a of default/void: device unreachable: it does not run: no model"},
			{"hangs", "hung", "a", "5", nil, context.DeadlineExceeded, "write a of default/hung: context deadline exceeded"},
			{"refused", "d", "a", "6", func(s *script) { s.refuse = illegal }, illegal, "write a of default/d: illegal data address"},
			{"not held", "d", "a", "7", func(s *script) { s.refuse, s.keeps = nil, func(any) any { return 6.5 } }, ErrNotHeld,
				"write a of default/d: device holds another value than was written: 6.5"},
			{"unreachable", "d", "a", "8", func(s *script) { s.broken = driver.ErrUnreachable }, driver.ErrUnreachable,
				"write a of default/d: it cannot be read back: device unreachable"},
		}
		for _, step := range steps {
			if step.change != nil {
				r.script.set(step.change)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err := r.fleet.Write(ctx, Key{"default", step.device}, step.target, step.text)
			cancel()
			if fmt.Sprint(err) != step.says && (err != nil || step.says != "") || step.want != nil && !errors.Is(err, step.want) {
				t.Errorf("%s: got %v, want %q", step.name, err, step.says)
			}
		}
		if got, want := fmt.Sprint(r.script.written()), "[5 7 8]"; got != want {
			t.Errorf("written %s, want %s", got, want)
		}
		for result, want := range map[string]float64{"written": 3, "refused": 1, "unanswered": 0} {
			if got := testutil.ToFloat64(r.fleet.counters.writes.WithLabelValues(result)); got != want {
				t.Errorf("writes %s: counted %v, want %v", result, got, want)
			}
		}
		close(r.script.free)
		r.wantStop(t)
		if err := r.fleet.Write(t.Context(), spec.Key, "a", "5"); !errors.Is(err, driver.ErrUnreachable) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// Commands wait for the one that hangs, are refused when too many do, and are
// told when the device goes.
func TestFleetWriteBehindAHungOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		spec := scriptSpec("d", driver.Settings{"hang": "write"})
		r.fleet.Put(spec)
		pass(time.Millisecond)
		errs := make(chan error, maxCommands+2)
		write := func() { errs <- r.fleet.Write(t.Context(), spec.Key, "a", "5") }
		go write()
		pass(time.Millisecond) // it is under way
		for range maxCommands + 1 {
			go write()
		}
		pass(hungWriteLimit)
		if err := <-errs; !errors.Is(err, ErrBusy) {
			t.Errorf("the last one: %v", err)
		}
		r.wantHealth(t, "d", Unhealthy, "a: a write has not returned after 15s: the driver hangs")
		if got := r.fleet.Counts(); got.Skipped != 0 || got.Collected < 150 {
			t.Errorf("it is not read meanwhile: %+v", got)
		}
		r.fleet.Remove(spec.Key)
		pass(time.Millisecond)
		for range maxCommands {
			if err := <-errs; !errors.Is(err, driver.ErrUnreachable) {
				t.Errorf("one that waited: %v", err)
			}
		}
		close(r.script.free)
		<-errs
		r.wantStop(t)
	})
}

// A command that waits while its property is changed is not written to where
// the property was.
func TestFleetWriteToAPropertyThatChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.script.set(func(s *script) { s.take = time.Second })
		r.fleet.Put(scriptSpec("d", nil))
		pass(1500 * time.Millisecond)
		errs := map[string]chan error{}
		for i, name := range []string{"a", "b", "c"} {
			property := []string{"a", "b", "a"}[i]
			errs[name] = make(chan error, 1)
			go func() { errs[name] <- r.fleet.Write(t.Context(), Key{"default", "d"}, property, fmt.Sprint(i)) }()
			pass(time.Millisecond)
		}
		moved := scriptSpec("d", nil)
		moved.Properties[1].Point.Settings = driver.Settings{"offset": 3}
		r.fleet.Put(moved)
		pass(10 * time.Second)
		if err := errors.Join(<-errs["a"], <-errs["c"]); err != nil {
			t.Errorf("what is not changed: %v", err)
		}
		if err := <-errs["b"]; !errors.Is(err, errChanged) {
			t.Errorf("what is changed: %v", err)
		}
		r.wantWritten(t, "beside a change", 0.0, 2.0)
		r.wantStop(t)
	})
}
