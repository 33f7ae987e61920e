package mapper

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver"
)

// shelved returns the properties that a device which runs holds readings of.
func (r *rig) shelved(key Key) []string {
	_, d, err := r.fleet.find(key)
	if err != nil || d == nil {
		return nil
	}
	d.shelf.mu.Lock()
	defer d.shelf.mu.Unlock()
	var names []string
	for i, reading := range d.shelf.newest {
		if reading.Value != nil || reading.Err != nil {
			names = append(names, d.shelf.properties[i].Point.Name)
		}
	}
	slices.Sort(names)
	return names
}

// TestFleetNewest: every property has a newest reading, reported or not.
func TestFleetNewest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		key, broken := Key{"default", "d"}, errors.New("exception 2")
		n := 0.0
		spec := scriptSpec("d", nil)
		spec.Properties[0].ReportToCloud = false
		spec.Properties[1].Point.Settings = driver.Settings{"fail": "point"}
		void := scriptSpec("void", driver.Settings{"fail": "open"})
		steps := []struct {
			name     string
			do       func(*script)
			pass     time.Duration
			device   string
			property string
			value    any    // nil: there never was one
			says     string // why there is none now; empty: there is one
		}{
			{"at once", func(s *script) {
				s.answer = func(string) driver.Reading { n++; return driver.Reading{Value: n, Time: time.Now()} }
			}, time.Millisecond, "d", "a", 1.0, ""},
			{"later", nil, 100 * time.Millisecond, "d", "a", 2.0, ""},
			{"its settings are wrong", nil, 0, "d", "b", nil, `spec.properties[b].visitors.configData.fail: Invalid value: "point": want something else`},
			{"the device's are", nil, 0, "void", "a", nil, `spec.protocol.configData.fail: Invalid value: "open": want something else`},
			{"it cannot be read", func(s *script) { s.answer = func(string) driver.Reading { return driver.Reading{Err: broken} } }, 100 * time.Millisecond, "d", "a", 2.0, "exception 2; the last was 2, read at 2000-01-01T00:00:00.1Z"},
			{"nothing can", func(s *script) { s.broken = driver.ErrUnreachable }, 100 * time.Millisecond, "d", "a", 2.0, "device unreachable; the last was 2, read at 2000-01-01T00:00:00.1Z"},
			{"it is back", func(s *script) {
				s.broken, s.answer = nil, func(string) driver.Reading { return driver.Reading{Value: 9.0, Time: time.Now()} }
			}, 100 * time.Millisecond, "d", "a", 9.0, ""},
		}
		r.fleet.Put(spec)
		r.fleet.Put(void)
		for _, step := range steps {
			if step.do != nil {
				r.script.set(step.do)
			}
			pass(step.pass)
			got, err := r.fleet.Newest(Key{"default", step.device}, step.property)
			var says string
			if got.Err != nil {
				says = got.Missing()
			}
			if err != nil || got.Type != driver.Double || got.Reading.Value != step.value || says != step.says {
				t.Errorf("%s: got %+v, %q, %v", step.name, got, says, err)
			}
		}
		r.fleet.Put(scriptSpec("late", driver.Settings{"hang": "read"}))
		pass(time.Millisecond)
		if got, err := r.fleet.Newest(Key{"default", "late"}, "a"); err != nil || !errors.Is(got.Err, errUnread) {
			t.Errorf("before the first reading: got %+v, %v", got, err)
		}
		if _, err := r.fleet.Newest(key, "x"); !errors.Is(err, ErrNoProperty) {
			t.Errorf("no property: got %v", err)
		}
		if _, err := r.fleet.Newest(Key{"x", "d"}, "a"); !errors.Is(err, ErrNoDevice) {
			t.Errorf("no device: got %v", err)
		}
		close(r.script.free)
		r.wantStop(t)
	})
}
