package virtual_test

import (
	"fmt"
	"math"
	"reflect"
	"runtime"
	"testing"
	"time"

	"datastub/driver"
	"datastub/driver/virtual"
)

func TestSignals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		typ      driver.Type
		settings driver.Settings
		want     map[time.Duration]any
	}{
		{"sine", driver.Double, driver.Settings{"min": -1, "max": 1, "period": "4s"}, map[time.Duration]any{
			0: 0.0, time.Second: 1.0, 3 * time.Second: -1.0, 5 * time.Second: 1.0, -time.Second: 0.0}},
		{"sine rounds to INT", driver.Int, driver.Settings{"max": "9", "period": "4s"}, map[time.Duration]any{
			0: int64(5), time.Second: int64(9), 3 * time.Second: int64(0)}},
		{"ramp", driver.Float, driver.Settings{"signal": "ramp", "min": 10, "max": 20, "period": "10s"}, map[time.Duration]any{
			0: float32(10), 2500 * time.Millisecond: float32(12.5), 9 * time.Second: float32(19), 10 * time.Second: float32(10)}},
		{"square", driver.Int, driver.Settings{"signal": "square", "min": 1, "max": 3, "period": 2000}, map[time.Duration]any{
			0: int64(1), 999 * time.Millisecond: int64(1), time.Second: int64(3), 2 * time.Second: int64(1)}},
		{"square of BOOLEAN", driver.Boolean, driver.Settings{"period": "2s"}, map[time.Duration]any{
			0: false, time.Second: true, 2 * time.Second: false}},
		{"counter", driver.Int, driver.Settings{"signal": "counter", "min": 5, "max": 10, "step": 2}, map[time.Duration]any{
			0: int64(5), time.Second: int64(7), 2999 * time.Millisecond: int64(9), 3 * time.Second: int64(5)}},
		{"counter goes far", driver.Int, driver.Settings{"signal": "counter", "period": "1ms"}, map[time.Duration]any{
			24 * time.Hour: int64(86_400_000)}},
		{"counter as STRING", driver.String, driver.Settings{"step": 0.5}, map[time.Duration]any{time.Second: "0.5"}},
		{"counter as BYTES", driver.Bytes, driver.Settings{}, map[time.Duration]any{
			258 * time.Second: []byte{0, 0, 0, 0, 0, 0, 1, 2}}},
		{"constant INT is exact", driver.Int, driver.Settings{"signal": "constant", "value": "9007199254740993"}, map[time.Duration]any{
			0: int64(9007199254740993)}},
		{"constant STRING", driver.String, driver.Settings{"signal": "Constant", "value": "Straße"}, map[time.Duration]any{time.Hour: "Straße"}},
		{"constant without value", driver.Boolean, driver.Settings{"signal": "constant"}, map[time.Duration]any{0: false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			d, p := b.point("d", driver.PointConfig{Name: "p", Type: tt.typ, Settings: tt.settings})
			for elapsed, want := range tt.want {
				got := b.at(elapsed, d, p)
				if f, ok := got.(float64); ok && math.Abs(f-want.(float64)) < 1e-9 {
					continue
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("after %v: got %v (%T), want %v (%T)", elapsed, got, got, want, want)
				}
			}
		})
	}
}

func walkConfig(name string, seed any) driver.PointConfig {
	settings := driver.Settings{"signal": "randomWalk", "min": -5, "max": 5, "step": 3}
	if seed != nil {
		settings["seed"] = seed
	}
	return driver.PointConfig{Name: name, Type: driver.Double, Settings: settings}
}

// TestRandomWalk holds a walk to its seed: how often and in which order it is
// looked at changes nothing.
func TestRandomWalk(t *testing.T) {
	t.Parallel()
	const length = 1000
	b := newBench(t)
	d, p := b.point("a", walkConfig("p", 7))
	path := make([]float64, length)
	for i := range path {
		path[i] = b.at(time.Duration(i)*time.Second, d, p).(float64)
		if path[i] < -5 || path[i] > 5 {
			t.Fatalf("step %d is at %v, outside of -5 to 5", i, path[i])
		}
		if i > 0 && math.Abs(path[i]-path[i-1]) > 3 {
			t.Fatalf("step %d goes from %v to %v, farther than 3", i, path[i-1], path[i])
		}
	}
	for _, i := range []int{0, 999, 10, 11, 500} {
		if got := b.at(time.Duration(i)*time.Second, d, p); got != path[i] {
			t.Errorf("step %d is at %v, then at %v", i, path[i], got)
		}
	}
}

func TestRandomWalkSeeds(t *testing.T) {
	t.Parallel()
	end := func(device, name string, seed any) any {
		b := newBench(t)
		d, p := b.point(device, walkConfig(name, seed))
		return b.at(time.Minute, d, p)
	}
	if a, b := end("a", "p", 1), end("b", "q", 1); a != b {
		t.Errorf("one seed ends at %v and %v", a, b)
	}
	if a, b := end("a", "p", 1), end("a", "p", 2); a == b {
		t.Errorf("two seeds both end at %v", a)
	}
	if a, b := end("a", "p", nil), end("a", "p", nil); a != b {
		t.Errorf("one name ends at %v and %v", a, b)
	}
	if a, b := end("a", "p", nil), end("b", "p", nil); a == b {
		t.Errorf("two names both end at %v", a)
	}
}

// TestWrittenBytesAreDetached changes the slices that were written and read.
func TestWrittenBytesAreDetached(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d, p := b.point("d", driver.PointConfig{Name: "p", Type: driver.Bytes})
	value := []byte{1, 2}
	if err := d.Write(t.Context(), p, value); err != nil {
		t.Fatal(err)
	}
	value[0] = 9
	b.at(0, d, p).([]byte)[1] = 9
	if got, want := b.at(0, d, p), []byte{1, 2}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestManyDevices opens ten thousand devices and reads them all: it is about
// goroutines, of which there must be none.
func TestManyDevices(t *testing.T) {
	before := runtime.NumGoroutine()
	b := newBench(t)
	for i := range 10_000 {
		d, p := b.point(fmt.Sprint("d", i), driver.PointConfig{Name: "p", Type: driver.Double})
		b.at(time.Second, d, p)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("10,000 devices run %d goroutines, want none", after-before)
	}
}

func BenchmarkRead(b *testing.B) {
	d, _ := virtual.New(virtual.Options{}).Open("d", nil)
	p, _ := d.Point(driver.PointConfig{Name: "p", Type: driver.Double})
	points := []driver.Point{p}
	for b.Loop() {
		if _, err := d.Read(b.Context(), points); err != nil {
			b.Fatal(err)
		}
	}
}
