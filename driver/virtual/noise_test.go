package virtual_test

import (
	"math"
	"testing"
	"time"

	"datastub/driver"
)

// Noise stays within its bound and those of the signal, and is the same for who
// looks twice.
func TestNoise(t *testing.T) {
	t.Parallel()
	const noise, looks = 5.0, 1000
	b := newBench(t)
	clean, quiet := b.point("clean", driver.PointConfig{Name: "p", Type: driver.Double})
	d, p := b.point("noisy", driver.PointConfig{Name: "p", Type: driver.Double, Settings: driver.Settings{"noise": noise}})
	up, down := 0, 0
	for i := range looks {
		elapsed := time.Duration(i) * 73 * time.Millisecond
		got, want := b.at(elapsed, d, p).(float64), b.at(elapsed, clean, quiet).(float64)
		if got < 0 || got > 100 || math.Abs(got-want) > noise {
			t.Fatalf("after %v: got %v, want at most %v off %v, from 0 to 100", elapsed, got, noise, want)
		}
		if again := b.at(elapsed, d, p); again != got {
			t.Errorf("after %v it is %v, then %v", elapsed, got, again)
		}
		switch {
		case got > want:
			up++
		case got < want:
			down++
		}
	}
	if up < looks/4 || down < looks/4 {
		t.Errorf("of %d values %d are above the signal and %d below, want about half each", looks, up, down)
	}
}

func TestNoiseSeeds(t *testing.T) {
	t.Parallel()
	first := func(device string, seed any) any {
		b := newBench(t)
		settings := driver.Settings{"signal": "ramp", "min": 0, "max": 1, "noise": 1}
		if seed != nil {
			settings["seed"] = seed
		}
		d, p := b.point(device, driver.PointConfig{Name: "p", Type: driver.Double, Settings: settings})
		return b.at(time.Second, d, p)
	}
	if a, b := first("a", 1), first("b", 1); a != b {
		t.Errorf("one seed gives %v and %v", a, b)
	}
	if a, b := first("a", 1), first("a", 2); a == b {
		t.Errorf("two seeds both give %v", a)
	}
	if a, b := first("a", nil), first("b", nil); a == b {
		t.Errorf("two names both give %v", a)
	}
}
