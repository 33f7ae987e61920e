package mapper

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver"
)

// desiring returns a device with a property a that is read once a minute and
// reported with each read, and what it is desired to hold.
func desiring(text string) Spec {
	spec := scriptSpec("d", nil)
	spec.Properties = spec.Properties[:1]
	p := &spec.Properties[0]
	p.CollectCycle, p.ReportCycle, p.Desired = time.Minute, time.Minute, text
	return spec
}

func (r *rig) wantWritten(t *testing.T, what string, want ...any) {
	t.Helper()
	if got := r.script.written(); !slices.Equal(got, want) {
		t.Errorf("%s: written %v, want %v", what, got, want)
	}
}

// keepDesired is a Reporter that keeps what was last reported as desired.
type keepDesired struct {
	*Status
	desired chan string // holds one
}

func (k keepDesired) ReportValues(key Key, values []Reported) {
	k.Status.ReportValues(key, values)
	select {
	case <-k.desired:
	default:
	}
	k.desired <- values[0].Desired
}

// What is desired is written once, and not at a start where the device holds
// it. A device that changes it later is not fought.
func TestFleetDesires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		reported := keepDesired{r.status, make(chan string, 1)}
		r.fleet.options.Reporter = reported
		steps := []struct {
			name    string
			spec    Spec
			change  func(*script)
			written []any
			desired string // as it is reported
		}{
			{"nothing", desiring(""), nil, nil, ""},
			{"something", desiring("2"), nil, []any{2.0}, "2"},
			{"something else", desiring("3"), nil, []any{3.0}, "3"},
			{"the device changes it", desiring("3"), func(s *script) { s.held["default/d/a"] = 9.0 }, nil, "3"},
			{"back to what it was", desiring("2"), nil, []any{2.0}, "2"},
			{"the same in other words", desiring("2.0"), nil, []any{2.0}, "2.0"},
			{"nothing any more", desiring(""), nil, nil, ""},
			{"it all over again", desiring("2"), nil, []any{2.0}, "2"},
		}
		for _, step := range steps {
			if step.change != nil {
				r.script.set(step.change)
			}
			r.fleet.Put(step.spec)
			pass(2 * time.Minute)
			r.wantWritten(t, step.name, step.written...)
			if got := <-reported.desired; got != step.desired {
				t.Errorf("%s: reported %q as desired, want %q", step.name, got, step.desired)
			}
			r.wantHealth(t, "d", Online, "")
		}
		r.fleet.Remove(Key{"default", "d"})
		pass(time.Second)
		r.fleet.Put(desiring("2"))
		pass(time.Minute)
		r.wantWritten(t, "started, and held")
		moved := desiring("2")
		moved.Properties[0].Point.Settings = driver.Settings{"offset": 1}
		r.fleet.Put(moved)
		pass(time.Minute)
		r.wantWritten(t, "another point, and held")
		r.fleet.Remove(Key{"default", "d"})
		pass(time.Second)
		r.fleet.Put(desiring("7"))
		pass(time.Second)
		r.wantWritten(t, "started, and not held", 7.0)
		r.wantStop(t)
	})
}

// What is written is read and published at once, out of its cycle.
func TestFleetDesireIsReadBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.fleet.Put(desiring(""))
		pass(10 * time.Second)
		r.publisher.take()
		r.fleet.Put(desiring("2"))
		pass(0)
		calls := r.publisher.take()
		if len(calls) != 1 || calls[0][0].Value.String() != "2.0" {
			t.Errorf("published %v", calls)
		}
		r.wantStop(t)
	})
}

// A desired value that cannot be held is a fault of its property, and no
// obstacle to its reads.
func TestFleetDesireThatIsWrong(t *testing.T) {
	t.Parallel()
	readOnly := desiring("5")
	readOnly.Properties[0].Point.ReadOnly = true
	bounded := desiring("500")
	bounded.Properties[0].Point.Settings = driver.Settings{"max": "100"}
	for _, test := range []struct {
		name   string
		spec   Spec
		reason string
	}{
		{"read-only", readOnly, `spec.properties[a].desired.value: Invalid value: "5": want none, or accessMode ReadWrite in the model: the property is read-only`},
		{"no number", desiring("on"), `spec.properties[a].desired.value: Invalid value: "on": want a finite number`},
		{"above max", bounded, `spec.properties[a].desired.value: Invalid value: "500": want a number, 100 at most`},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.fleet.Put(test.spec)
			pass(time.Hour)
			r.wantHealth(t, "d", Unhealthy, test.reason)
			r.wantWritten(t, test.name)
			if got := len(r.publisher.take()); got != 60 && got != 61 {
				t.Errorf("%s: read %d times in an hour", test.name, got)
			}
			r.fleet.Put(desiring("5"))
			pass(time.Second)
			r.wantHealth(t, "d", Online, "")
			r.wantWritten(t, test.name+", and mended", 5.0)
			r.wantStop(t)
		})
	}
}

// A write that fails is tried again, ever more rarely; a newer value takes its
// place, at once.
func TestFleetDesireIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.fleet.Put(desiring(""))
		pass(time.Second)
		tries := 0
		r.script.set(func(s *script) {
			s.refuse = errors.New("illegal data address")
			s.tried = func() { tries++ }
		})
		r.fleet.Put(desiring("5"))
		pass(10 * time.Minute)
		r.wantHealth(t, "d", Unhealthy, "a: desired 5: illegal data address")
		if tries < 12 || tries > 26 { // 6 in the first minute or two, then one or two a minute
			t.Errorf("tried %d times in 10 minutes", tries)
		}
		r.script.set(func(s *script) { s.refuse = nil })
		r.fleet.Put(desiring("6"))
		pass(time.Second)
		r.wantWritten(t, "a newer one", 6.0)
		r.wantHealth(t, "d", Online, "")
		r.wantStop(t)
	})
}

// What is desired of a device that is away is written as soon as it answers.
func TestFleetDesireWaitsForTheDevice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		away := func(err error) func(*script) { return func(s *script) { s.broken, s.refuse = err, err } }
		r.script.set(away(fmt.Errorf("%w: next try soon", driver.ErrUnreachable)))
		spec := desiring("5")
		spec.Properties[0].CollectCycle = time.Second
		r.fleet.Put(spec)
		pass(time.Hour)
		r.wantOffline(t, "it never answered")
		r.script.set(away(nil))
		pass(2 * time.Second)
		r.wantWritten(t, "it answers", 5.0)
		r.wantHealth(t, "d", Online, "")
		spec = desiring("5") // which is read once a minute
		r.fleet.Put(spec)
		pass(time.Second)
		r.script.set(away(fmt.Errorf("%w: next try soon", driver.ErrUnreachable)))
		spec = desiring("6")
		r.fleet.Put(spec)
		pass(0)
		r.wantOffline(t, "the write found it away")
		r.script.set(away(nil))
		pass(time.Minute)
		r.wantWritten(t, "it answers again", 6.0)
		r.wantHealth(t, "d", Online, "")
		r.wantStop(t)
	})
}

// wantOffline wants d to be offline, and nothing else to be wrong.
func (r *rig) wantOffline(t *testing.T, what string) {
	t.Helper()
	want := Health{State: Offline, Reason: "device unreachable: next try soon"}
	if got := r.health("d"); !got.Equal(want) {
		t.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

// What a device refused is wrong still while it is away.
func TestFleetDesireThatWasRefusedBeforeTheDeviceWent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.script.set(func(s *script) { s.refuse = errors.New("illegal data address") })
		r.fleet.Put(desiring("5"))
		pass(time.Minute)
		r.script.set(func(s *script) { s.broken, s.refuse = driver.ErrUnreachable, driver.ErrUnreachable })
		pass(time.Hour)
		want := []Fault{{Property: "a", Reason: "a: desired 5: illegal data address"}}
		if got := r.health("d"); got.State != Offline || !slices.Equal(got.Faults, want) {
			t.Errorf("got %+v, want it offline with %v", got, want)
		}
		r.wantStop(t)
	})
}

// A device that answers all but writes has a fault, of one wording.
func TestFleetDesireThatIsNotAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.script.set(func(s *script) { s.refuse = fmt.Errorf("%w: port 1234", driver.ErrUnreachable) })
		r.fleet.Put(desiring("5"))
		pass(time.Hour)
		r.wantHealth(t, "d", Unhealthy, "a: desired 5: the device answers reads, but not the write")
		r.wantStop(t)
	})
}

// A property that can only be written is written once after a start, when its
// reads have failed a few times, and what is wrong is told of its reads only.
func TestFleetDesireThatCannotBeRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		blind := func(string) driver.Reading { return driver.Reading{Err: errors.New("illegal function")} }
		wantFault := func() {
			t.Helper()
			want := Health{State: Unhealthy, Reason: "a: illegal function", Faults: []Fault{{Property: "a", Reason: "a: illegal function"}}}
			if got := r.health("d"); !got.Equal(want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		r.script.set(func(s *script) { s.answer = blind })
		r.fleet.Put(desiring("5"))
		pass(0)
		r.wantWritten(t, "one read failed")
		pass(5 * time.Second)
		r.wantWritten(t, "a start", 5.0)
		r.fleet.Put(desiring("6"))
		pass(time.Hour)
		r.wantWritten(t, "another one", 6.0)
		wantFault()
		r.fleet.Remove(Key{"default", "d"})
		pass(time.Second)
		r.fleet.Put(desiring("6"))
		pass(500 * time.Millisecond)
		r.script.set(func(s *script) { s.answer = nil })
		pass(5 * time.Second)
		r.wantWritten(t, "a start where a read fails by chance")
		r.wantStop(t)
	})
}

// A device that takes a value and holds another is not written to again, but
// looked at.
func TestFleetDesireThatTheDeviceDoesNotHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.script.set(func(s *script) { s.keeps = func(any) any { return 3.0 } })
		r.fleet.Put(desiring("5"))
		pass(time.Hour)
		r.wantHealth(t, "d", Unhealthy, "a: desired 5: device holds another value than was written: 3")
		r.wantWritten(t, "an hour", 5.0)
		r.script.set(func(s *script) { s.held["default/d/a"] = 5.0 })
		pass(lastDesireWait)
		r.wantHealth(t, "d", Online, "")
		r.wantWritten(t, "it came round")
		r.wantStop(t)
	})
}

func TestDesireWait(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		failures  int
		low, high time.Duration
	}{
		{0, time.Second / 2, time.Second},
		{1, time.Second, 2 * time.Second},
		{5, 16 * time.Second, 32 * time.Second},
		{6, 30 * time.Second, time.Minute},
		{1000, 30 * time.Second, time.Minute},
	} {
		if low, high := desireWait(test.failures, 0), desireWait(test.failures, 1); low != test.low || high != test.high {
			t.Errorf("after %d: %v to %v, want %v to %v", test.failures, low, high, test.low, test.high)
		}
	}
}

// A desired value that the property can never hold is told with the CRs: the
// device does not log it once more.
func TestFleetDesiredAbsurd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.fleet.Put(desiring("warm"))
		pass(time.Second)
		if got := r.health("d"); got.State != Unhealthy || got.Reason != `spec.properties[a].desired.value: Invalid value: "warm": want a finite number` {
			t.Errorf("got %+v", got)
		}
		if got := r.log.String(); strings.Contains(got, "warm") {
			t.Errorf("it is told twice: %s", got)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}
