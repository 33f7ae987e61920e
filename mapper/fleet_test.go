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

func (r *rig) wantHealth(t *testing.T, name string, state State, reason string) {
	t.Helper()
	if got := r.health(name); got.State != state || got.Reason != reason {
		t.Errorf("%s is %q, %q; want %q, %q", name, got.State, got.Reason, state, reason)
	}
}

func (r *rig) wantStop(t *testing.T) {
	t.Helper()
	if err := r.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestFleetReadsOnceACycle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.fleet.Put(scriptSpec("d", nil))
		pass(950 * time.Millisecond)
		r.wantHealth(t, "d", Online, "")
		calls := r.publisher.take()
		if len(calls) != 10 || len(calls[0]) != 2 || len(calls[1]) != 1 {
			t.Errorf("got %d calls of the publisher: %v", len(calls), calls)
		}
		if values := r.twins.get(); len(values) != 2 || values["a"] != 1.5 {
			t.Errorf("reported: %v", values)
		}
		if got, want := r.fleet.Counts(), (Counts{Collected: 11}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		r.wantStop(t)
		if open, _ := r.script.counts(Key{"default", "d"}); open != 0 {
			t.Errorf("%d devices are open", open)
		}
	})
}

func TestFleetReportsTheNewest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		n := 0.0
		r.script.set(func(s *script) {
			s.answer = func(string) driver.Reading { n++; return driver.Reading{Value: n, Time: time.Now()} }
		})
		spec := scriptSpec("d", nil)
		spec.Properties = spec.Properties[:1]
		r.fleet.Put(spec)
		for _, step := range []struct {
			pass time.Duration
			want float64
		}{{10 * time.Millisecond, 1}, {900 * time.Millisecond, 1}, {100 * time.Millisecond, 11}} {
			pass(step.pass)
			if got := r.twins.get()["a"]; got != step.want {
				t.Errorf("reported %v, want %v", got, step.want)
			}
		}
		r.wantStop(t)
	})
}

func TestFleetSkipsWhatIsLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.script.set(func(s *script) { s.take = 350 * time.Millisecond })
		spec := scriptSpec("d", nil)
		spec.Properties = spec.Properties[:1]
		r.fleet.Put(spec)
		// Reads begin at 0, at 350 ms, one for the moments 100, 200 and 300, and
		// at 700, one for 400 to 700. The last has not ended.
		pass(1020 * time.Millisecond)
		if got := r.fleet.Counts(); got.Skipped != 5 || got.Collected != 2 || r.fleet.skipped(spec.Key) != 5 {
			t.Errorf("got %+v", got)
		}
		r.wantStop(t)
	})
}

func TestFleetHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.fleet.Put(scriptSpec("d", nil))
		steps := []struct {
			name   string
			change func(*script)
			state  State
			reason string
		}{
			{"no answer", func(s *script) { s.broken = fmt.Errorf("%w: refused", driver.ErrUnreachable) }, Offline, "device unreachable: refused"},
			{"no answer still", func(s *script) {
				s.broken = fmt.Errorf("%w: %w", driver.ErrUnreachable, &driver.Later{Cause: errors.New("refused"), Next: time.Now()})
			}, Offline, "device unreachable: refused"},
			{"no answer for another reason", func(s *script) { s.broken = fmt.Errorf("%w: who are you", driver.ErrUnreachable) }, Offline, "device unreachable: who are you"},
			{"answers", func(s *script) { s.broken = nil }, Online, ""},
			{"one point does not", func(s *script) {
				s.answer = func(p string) driver.Reading {
					if p == "b" {
						return driver.Reading{Err: &driver.Later{Cause: errors.New("illegal address"), Next: time.Now()}}
					}
					return driver.Reading{Value: 1.5, Time: time.Now()}
				}
			}, Unhealthy, "b: illegal address"},
			{"a value of another type", func(s *script) {
				s.answer = func(string) driver.Reading { return driver.Reading{Value: "x", Time: time.Now()} }
			}, Unhealthy, "a: publish: driver read a string for type DOUBLE (and 1 more)"},
			{"reads take for ever", func(s *script) { s.answer, s.take = nil, time.Hour }, Offline, "a read took longer than 30s"},
			{"well again", func(s *script) { s.take = 0 }, Online, ""},
		}
		for _, step := range steps {
			r.script.set(step.change)
			pass(32 * time.Second)
			if got := r.health("d"); got.State != step.state || got.Reason != step.reason {
				t.Errorf("%s: got %+v, want %q, %q", step.name, got, step.state, step.reason)
			}
		}
		r.wantStop(t)
	})
}

// Devices that are wrong, hang or panic harm no other.
func TestFleetBadDevices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		stranger := scriptSpec("stranger", nil)
		stranger.Protocol = "morse"
		point := scriptSpec("point", nil)
		point.Properties[1].Point.Settings = driver.Settings{"fail": "point"}
		none := scriptSpec("none", nil)
		none.Properties = nil
		void := Spec{Key: Key{"default", "void"}, Faults: []Fault{{Reason: "no model"}, {Reason: "no protocol"}}, Void: true}
		faulty := scriptSpec("faulty", nil)
		faulty.Faults = []Fault{{Property: "c", Reason: "c is not in the model"}}
		for _, spec := range []Spec{
			stranger, point, none, void, faulty,
			scriptSpec("settings", driver.Settings{"fail": "open"}),
			scriptSpec("panic", driver.Settings{"fail": "panic"}),
			scriptSpec("hang", driver.Settings{"hang": "read"}),
			scriptSpec("good", nil),
		} {
			r.fleet.Put(spec)
		}
		pass(40 * time.Second)
		r.wantHealth(t, "stranger", Unhealthy, `spec.protocol: protocolName "morse" has no driver: want one of script`)
		r.wantHealth(t, "point", Unhealthy, `spec.properties[b].visitors.configData.fail: Invalid value: "point": want something else`)
		r.wantHealth(t, "none", Unhealthy, "the device has no properties")
		r.wantHealth(t, "settings", Unhealthy, `spec.protocol.configData.fail: Invalid value: "open": want something else`)
		r.wantHealth(t, "panic", Unhealthy, "spec.protocol.configData: open: the driver panicked: a bug")
		r.wantHealth(t, "hang", Unhealthy, "a read has not returned after 35s: the driver hangs")
		r.wantHealth(t, "void", Unhealthy, "no model (and 1 more)")
		r.wantHealth(t, "faulty", Unhealthy, "c is not in the model")
		r.wantHealth(t, "good", Online, "")
		close(r.script.free)
		r.wantStop(t)
	})
}

// Wrong settings, which the source tells, are no news of the device; all that
// comes after them is.
func TestFleetLeavesSettingsToTheSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		point := scriptSpec("point", nil)
		point.Properties[1].Point.Settings = driver.Settings{"fail": "point"}
		r.fleet.Put(point)
		r.fleet.Put(scriptSpec("open", driver.Settings{"fail": "open"}))
		pass(time.Second)
		if got := r.log.String(); got != "" {
			t.Errorf("logged\n%s", got)
		}
		r.wantHealth(t, "point", Unhealthy, `spec.properties[b].visitors.configData.fail: Invalid value: "point": want something else`)
		r.wantHealth(t, "open", Unhealthy, `spec.protocol.configData.fail: Invalid value: "open": want something else`)
		r.script.set(func(s *script) { s.broken = driver.ErrUnreachable })
		pass(time.Second)
		r.script.set(func(s *script) { s.broken = nil })
		pass(time.Second)
		want := `INFO Device is not well device="default/point" state="offline" reason="device unreachable"
INFO Device is not well device="default/point" state="unhealthy" reason="spec.properties[b].visitors.configData.fail: Invalid value: \"point\": want something else"
`
		if got := r.log.String(); got != want {
			t.Errorf("logged\n%s\nwant\n%s", got, want)
		}
		r.wantStop(t)
	})
}

// What is wrong is reported each by itself, and stays known while the device
// does not answer.
func TestFleetFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		spec := scriptSpec("d", nil)
		spec.Faults = []Fault{{Property: "c", Reason: "c is not in the model"}}
		r.fleet.Put(spec)
		want := func(state State, faults ...Fault) {
			t.Helper()
			pass(time.Second)
			if got := r.health("d"); got.State != state || !slices.Equal(got.Faults, append(spec.Faults, faults...)) {
				t.Errorf("got %+v, want %q and %+v", got, state, faults)
			}
		}
		b := Fault{Property: "b", Reason: "b: illegal address"}
		want(Unhealthy)
		r.script.set(func(s *script) {
			s.answer = func(p string) driver.Reading {
				if p == "b" {
					return driver.Reading{Err: &driver.Later{Cause: errors.New("illegal address"), Next: time.Now()}}
				}
				return driver.Reading{Value: 1.5, Time: time.Now()}
			}
		})
		want(Unhealthy, b)
		r.script.set(func(s *script) { s.broken = driver.ErrUnreachable })
		want(Offline, b)
		r.script.set(func(s *script) { s.broken, s.answer = nil, nil })
		want(Unhealthy)
		r.wantStop(t)
	})
}

func TestFleetChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		key := Key{"default", "d"}
		want := func(open, opens int) {
			t.Helper()
			pass(time.Millisecond)
			if gotOpen, gotOpens := r.script.counts(key); gotOpen != open || gotOpens != opens {
				t.Errorf("open %d, opened %d times; want %d, %d", gotOpen, gotOpens, open, opens)
			}
		}
		r.fleet.Put(scriptSpec("d", driver.Settings{"port": 1.0}))
		want(1, 1)
		r.fleet.Put(scriptSpec("d", driver.Settings{"port": 1.0}))
		want(1, 1)
		less := scriptSpec("d", driver.Settings{"port": 2.0})
		less.Properties = less.Properties[:1]
		r.fleet.Put(less)
		want(1, 2)
		if _, err := r.fleet.Newest(key, "b"); !errors.Is(err, ErrNoProperty) {
			t.Errorf("of the property b, which is gone: got %v", err)
		}
		r.fleet.Remove(key)
		want(0, 2)
		if left := r.status.Snapshot(); len(left) != 0 {
			t.Errorf("status has %v", left)
		}
		r.fleet.Remove(Key{"default", "stranger"})
		r.fleet.Put(scriptSpec("d", nil))
		r.fleet.Remove(key)
		r.fleet.Put(scriptSpec("d", nil))
		want(1, 3)
		r.wantStop(t)
	})
}

// A device that does not let go keeps its successor waiting, and no other.
func TestFleetHungClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		key := Key{"default", "d"}
		r.fleet.Put(scriptSpec("d", driver.Settings{"hang": "close"}))
		pass(time.Second)
		r.fleet.Put(scriptSpec("d", nil))
		r.fleet.Put(scriptSpec("other", nil))
		pass(time.Second)
		r.wantHealth(t, "other", Online, "")
		if open, opens := r.script.counts(key); open != 1 || opens != 1 {
			t.Errorf("open %d, opened %d times while the old one hangs", open, opens)
		}
		close(r.script.free)
		pass(time.Second)
		if open, opens := r.script.counts(key); open != 1 || opens != 2 {
			t.Errorf("open %d, opened %d times after it let go", open, opens)
		}
		r.wantStop(t)
	})
}

func TestFleetStopsWithoutTheHung(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.fleet.Put(scriptSpec("hung", driver.Settings{"hang": "read"}))
		r.fleet.Put(scriptSpec("good", nil))
		pass(time.Second)
		start := time.Now()
		err := r.stop()
		if err == nil || !strings.Contains(err.Error(), "default/hung did not end within 800ms") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != DefaultStopLimit {
			t.Errorf("took %v, want %v", took, DefaultStopLimit)
		}
		if open, _ := r.script.counts(Key{"default", "good"}); open != 0 {
			t.Error("the good one is open")
		}
		close(r.script.free) // or the bubble does not end
	})
}

func TestNewFleetRefuses(t *testing.T) {
	t.Parallel()
	all := FleetOptions{Drivers: Drivers{"s": newScript()}, Publisher: &recorder{}, Reporter: &Status{}}
	for _, without := range []func(*FleetOptions){
		func(o *FleetOptions) { o.Drivers = nil },
		func(o *FleetOptions) { o.Publisher = nil },
		func(o *FleetOptions) { o.Reporter = nil },
	} {
		o := all
		without(&o)
		if _, err := NewFleet(o); err == nil {
			t.Errorf("took %+v", o)
		}
	}
}
