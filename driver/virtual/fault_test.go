package virtual_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"datastub/driver"
)

// writable returns the settings of a point that can be written and holds 5.
func writable(name string, more ...string) driver.PointConfig {
	settings := driver.Settings{"signal": "constant", "value": 5}
	for i := 0; i < len(more); i += 2 {
		settings[more[i]] = more[i+1]
	}
	return driver.PointConfig{Name: name, Type: driver.Int, Settings: settings}
}

// pattern calls n times, and returns an x for each that fails and a dot for
// each that does not. Each error must be of the kind that is wanted and name
// the key.
func pattern(t *testing.T, n int, unreachable bool, key string, call func() error) string {
	t.Helper()
	var seen strings.Builder
	for range n {
		err := call()
		if err == nil {
			seen.WriteByte('.')
			continue
		}
		seen.WriteByte('x')
		if errors.Is(err, driver.ErrUnreachable) != unreachable || !strings.Contains(err.Error(), key) {
			t.Errorf("got %q, want it to name %s, unreachable %v", err, key, unreachable)
		}
	}
	return seen.String()
}

// A device's failEvery is of its reads and of its writes, however many points
// they have.
func TestFailEveryOfDevice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := b.open("d", driver.Settings{"failEvery": 3})
	p, q := b.pointOf(d, writable("p")), b.pointOf(d, writable("q"))
	read := func() error { _, err := d.Read(t.Context(), []driver.Point{p, q}); return err }
	write := func() error { return d.Write(t.Context(), p, int64(6)) }
	if got, want := pattern(t, 7, true, "failEvery 3", read), "..x..x."; got != want {
		t.Errorf("reads: got %s, want %s", got, want)
	}
	if got, want := pattern(t, 4, true, "failEvery 3", write), "..x."; got != want {
		t.Errorf("writes: got %s, want %s", got, want)
	}
}

// A point's failEvery is its own: its neighbour is read and written, and what
// is not taken is not held.
func TestFailEveryOfPoint(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := b.open("d", nil)
	p, q := b.pointOf(d, writable("p", "failEvery", "2")), b.pointOf(d, writable("q"))
	read := func() error {
		readings, err := d.Read(t.Context(), []driver.Point{p, q})
		if err != nil || readings[1].Value != int64(5) {
			t.Errorf("the neighbour: got %v, %v, want 5", readings, err)
		}
		return readings[0].Err
	}
	if got, want := pattern(t, 5, false, "failEvery 2", read), ".x.x."; got != want {
		t.Errorf("reads: got %s, want %s", got, want)
	}
	value := int64(10)
	write := func() error { value++; return d.Write(t.Context(), p, value) }
	if got, want := pattern(t, 2, false, "failEvery 2", write), ".x"; got != want {
		t.Errorf("writes: got %s, want %s", got, want)
	}
	if got := pattern(t, 1, false, "failEvery 2", read); got != "x" {
		t.Errorf("the sixth read: got %s, want x", got)
	}
	if got, want := b.at(0, d, p), int64(11); got != want {
		t.Errorf("after a write that failed: got %v, want %v still", got, want)
	}
}

// A write that could never be is no write that fails.
func TestRefusedWritesAreNotCounted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := b.open("d", driver.Settings{"failEvery": 1})
	fixed := writable("fixed")
	fixed.ReadOnly = true
	if err := d.Write(t.Context(), b.pointOf(d, fixed), int64(6)); !errors.Is(err, driver.ErrReadOnly) {
		t.Errorf("write to a read-only point: got %v, want ErrReadOnly", err)
	}
	if err := d.Write(t.Context(), b.pointOf(d, writable("p")), "6"); !errors.Is(err, driver.ErrValue) {
		t.Errorf("write of a string: got %v, want ErrValue", err)
	}
}

// TestOutage looks at a device at moments of its rounds.
func TestOutage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		settings driver.Settings
		online   []time.Duration
		offline  []time.Duration
	}{
		{"round given", driver.Settings{"offlineEvery": "5m", "offlineFor": "30s"},
			[]time.Duration{-time.Hour, 0, 270*time.Second - 1, 5 * time.Minute, 569 * time.Second},
			[]time.Duration{270 * time.Second, 5*time.Minute - 1, 570 * time.Second}},
		{"a round is ten times as long", driver.Settings{"offlineFor": 1000},
			[]time.Duration{0, 8 * time.Second, 10 * time.Second}, []time.Duration{9 * time.Second, 19 * time.Second}},
		{"never there", driver.Settings{"offlineEvery": "1s", "offlineFor": "1s"},
			nil, []time.Duration{0, time.Second, time.Hour}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			d := b.open("d", tt.settings)
			p := b.pointOf(d, writable("p"))
			look := func(elapsed time.Duration, want string) {
				t.Helper()
				b.now = b.start.Add(elapsed)
				read := func() error { _, err := d.Read(t.Context(), []driver.Point{p}); return err }
				write := func() error { return d.Write(t.Context(), p, int64(6)) }
				if got := pattern(t, 1, true, "offlineFor", read) + pattern(t, 1, true, "offlineFor", write); got != want {
					t.Errorf("after %v: got %s, want %s", elapsed, got, want)
				}
			}
			for _, elapsed := range tt.online {
				look(elapsed, "..")
			}
			for _, elapsed := range tt.offline {
				look(elapsed, "xx")
			}
		})
	}
}
