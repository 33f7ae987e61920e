package virtual_test

import (
	"reflect"
	"testing"
	"time"

	"datastub/driver"
)

// A device's defaults hold where a point says nothing and where they make sense
// of it.
func TestDefaults(t *testing.T) {
	t.Parallel()
	device := driver.Settings{"Signal": "ramp", "max": 10, "period": "4s"}
	for _, tt := range []struct {
		name     string
		typ      driver.Type
		settings driver.Settings
		want     any // after a second
	}{
		{"all", driver.Double, nil, 2.5},
		{"the point's own win", driver.Double, driver.Settings{"MAX": 20, "period": "2s"}, 10.0},
		{"signal of another type", driver.Boolean, driver.Settings{"period": 2000}, true},
		{"a counter has no ramp", driver.String, driver.Settings{"period": "1s"}, "1"},
		{"a constant needs none", driver.Int, driver.Settings{"signal": "constant", "value": 7}, int64(7)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			d := b.open("d", device)
			p := b.pointOf(d, driver.PointConfig{Name: "p", Type: tt.typ, Settings: tt.settings})
			if got := b.at(time.Second, d, p); got != tt.want {
				t.Errorf("got %v (%T), want %v", got, got, tt.want)
			}
			if unread := p.(driver.Unreader).Unread(); len(unread) > 0 {
				t.Errorf("the point reads its defaults, but not %q", unread)
			}
			if unread := d.(driver.Unreader).Unread(); len(unread) > 0 {
				t.Errorf("the device reads its defaults, but not %q", unread)
			}
		})
	}
}

// A device's seed gives each of its points a walk of its own, and the same ones
// under any name of the device.
func TestSeedOfDevice(t *testing.T) {
	t.Parallel()
	ends := func(device string, seed int) []any {
		b := newBench(t)
		d := b.open(device, driver.Settings{"seed": seed, "signal": "randomWalk"})
		var ends []any
		for _, name := range []string{"p", "q"} {
			ends = append(ends, b.at(time.Minute, d, b.pointOf(d, driver.PointConfig{Name: name, Type: driver.Double})))
		}
		return ends
	}
	one := ends("a", 1)
	if one[0] == one[1] {
		t.Errorf("two points both end at %v", one[0])
	}
	if other := ends("b", 1); !reflect.DeepEqual(one, other) {
		t.Errorf("one seed ends at %v and %v", one, other)
	}
	if other := ends("a", 2); reflect.DeepEqual(one, other) {
		t.Errorf("two seeds both end at %v", one)
	}
}

// What a point lacks means nothing to it only if the point says it.
func TestUnreadOfPoint(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := b.open("d", driver.Settings{"noise": 1, "step": 2})
	p := b.pointOf(d, driver.PointConfig{Name: "p", Type: driver.Int, Settings: driver.Settings{"signal": "counter", "noise": 1, "delay": 5}})
	if got, want := p.(driver.Unreader).Unread(), []string{"delay", "noise"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
