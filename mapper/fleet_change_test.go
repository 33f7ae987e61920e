package mapper

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver"
)

// published returns when each message of a property was read, in ms after
// start, and forgets all messages.
func (r *rig) published(start time.Time) map[string][]int {
	times := map[string][]int{}
	for _, call := range r.publisher.take() {
		for _, m := range call {
			times[m.Topic] = append(times[m.Topic], int(m.Time.Sub(start).Milliseconds()))
		}
	}
	return times
}

func wantTimes(t *testing.T, what string, got []int, want ...int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: read at %v, want %v", what, got, want)
	}
}

// A property that is not changed misses no cycle and has none twice, whatever
// becomes of the others; what is new is read at once, and then with the others.
func TestFleetChangesAProperty(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		start := time.Now()
		spec := scriptSpec("d", nil)
		r.fleet.Put(spec)
		pass(150 * time.Millisecond)
		wantTimes(t, "a at first", r.published(start)["t/a"], 0, 100)

		moved := scriptSpec("d", nil)
		moved.Properties[1].Point.Settings = driver.Settings{"offset": 3}
		moved.Properties[1].CollectCycle = 200 * time.Millisecond
		r.fleet.Put(moved)
		pass(300 * time.Millisecond) // 450
		got := r.published(start)
		wantTimes(t, "a beside a change", got["t/a"], 200, 300, 400)
		wantTimes(t, "b changed", got["t/b"], 150, 200, 400)

		added := scriptSpec("d", nil)
		added.Properties = append(added.Properties[:1:1], added.Properties[0])
		added.Properties[1].Point.Name, added.Properties[1].Rules.Topic = "c", "t/c"
		slices.Reverse(added.Properties)
		r.fleet.Put(added)
		pass(200 * time.Millisecond) // 650
		got = r.published(start)
		wantTimes(t, "a beside others", got["t/a"], 500, 600)
		wantTimes(t, "b removed", got["t/b"])
		wantTimes(t, "c added", got["t/c"], 450, 500, 600)

		topic := scriptSpec("d", nil)
		topic.Properties = topic.Properties[:1]
		topic.Properties[0].Rules.Topic = "t/other"
		r.fleet.Put(topic)
		pass(100 * time.Millisecond) // 750
		wantTimes(t, "another topic", r.published(start)["t/other"], 650, 700)

		if _, opens := r.script.counts(spec.Key); opens != 1 {
			t.Errorf("opened %d times", opens)
		}
		if got := r.fleet.Counts().Skipped; got != 0 {
			t.Errorf("skipped %d cycles", got)
		}
		if got := r.shelved(spec.Key); !slices.Equal(got, []string{"a"}) {
			t.Errorf("there are readings of %v, want those of a only", got)
		}
		r.wantStop(t)
	})
}

// What was last published is remembered over a change that is none of the
// property's.
func TestFleetChangeKeepsFilters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		filtered := func(desired string) Spec {
			spec := scriptSpec("d", nil)
			spec.Properties[0].Rules.OnChange = true
			spec.Properties[1].Desired = desired
			return spec
		}
		start := time.Now()
		r.fleet.Put(filtered(""))
		pass(50 * time.Millisecond)
		r.fleet.Put(filtered("1.5"))
		pass(500 * time.Millisecond)
		wantTimes(t, "a", r.published(start)["t/a"], 0)
		r.wantStop(t)
	})
}

// A Spec that comes during a read counts after it, the last one only.
func TestFleetChangesDuringARead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.script.set(func(s *script) { s.take = 350 * time.Millisecond })
		r.fleet.Put(scriptSpec("d", nil))
		pass(100 * time.Millisecond)
		for _, name := range []string{"c", "e"} {
			spec := scriptSpec("d", nil)
			spec.Properties[1].Point.Name = name
			r.fleet.Put(spec)
			synctest.Wait()
		}
		pass(time.Second)
		if got := r.shelved(Key{"default", "d"}); !slices.Equal(got, []string{"a", "e"}) {
			t.Errorf("there are readings of %v, want those of a and e", got)
		}
		r.wantStop(t)
	})
}

// Where a property's settings are wrong the others are read, and it is read
// once they are right.
func TestFleetChangesToWrongAndBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		wrong := scriptSpec("d", nil)
		wrong.Properties[1].Point.Settings = driver.Settings{"fail": "point"}
		faulty := scriptSpec("d", nil)
		faulty.Faults = []Fault{{Reason: "c is not in the model"}}
		for _, step := range []struct {
			spec   Spec
			state  State
			reason string
		}{
			{scriptSpec("d", nil), Online, ""},
			{wrong, Unhealthy, `spec.properties[b].visitors.configData.fail: Invalid value: "point": want something else`},
			{faulty, Unhealthy, "c is not in the model"},
			{scriptSpec("d", nil), Online, ""},
		} {
			r.fleet.Put(step.spec)
			pass(10 * time.Millisecond)
			r.wantHealth(t, "d", step.state, step.reason)
		}
		if _, opens := r.script.counts(Key{"default", "d"}); opens != 1 {
			t.Errorf("opened %d times", opens)
		}
		r.wantStop(t)
	})
}

// A device that hangs, in a read or a write, is replaced for any other Spec,
// and so is one that cannot be opened.
func TestFleetReplacesWhatHangs(t *testing.T) {
	t.Parallel()
	for _, hang := range []driver.Settings{{"hang": "read"}, {"hang": "write"}, {"fail": "open"}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			spec := scriptSpec("d", hang)
			spec.Properties[0].Desired = "5"
			r.fleet.Put(spec)
			pass(hangLimit + time.Second)
			before := r.health("d")
			spec = scriptSpec("d", hang)
			spec.Properties = spec.Properties[:1]
			spec.Faults = []Fault{{Reason: "c is not in the model"}}
			r.fleet.Put(spec)
			pass(time.Second)
			if _, opens := r.script.counts(spec.Key); hang["fail"] == nil && opens != 1 {
				t.Errorf("%v: opened %d times while the old one hangs", hang, opens)
			}
			close(r.script.free)
			pass(time.Second)
			if _, opens := r.script.counts(spec.Key); hang["fail"] == nil && opens != 2 {
				t.Errorf("%v: opened %d times", hang, opens)
			}
			if now := r.health("d"); before.State != Unhealthy || now.Equal(before) {
				t.Errorf("%v: was %+v, is %+v", hang, before, now)
			}
			r.wantStop(t)
		})
	}
}
