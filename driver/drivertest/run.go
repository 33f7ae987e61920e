package drivertest

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"datastub/driver"
)

// Bounds of what the contract calls soon. They are what a loaded machine
// needs; a driver that breaks its promise misses them by far or for ever.
const (
	soon  = 5 * time.Second
	pause = 10 * time.Millisecond // between two looks at something awaited
)

// Run checks the driver of a harness against the whole contract. The subtests
// run one after another, for they share the harness's device.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.Now == nil {
		h.Now = time.Now
	}
	if len(h.Points) < 2 || h.Writable.Config.Name == "" || h.ReadOnly.Config.Name == "" {
		t.Fatal("harness: want two points at least, a writable one and a read-only one")
	}
	for _, s := range h.subtests() {
		t.Run(s.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, before) }) // after all other cleanups
			s.run(t)
		})
	}
}

type subtest struct {
	name string
	run  func(*testing.T)
}

func (h Harness) subtests() []subtest {
	all := []subtest{
		{"settings/bad device", h.badSettings},
		{"settings/bad point", h.badPoints},
		{"settings/unknown keys are no error", h.unknownKeys},
		{"settings/points have names", h.pointNames},
		{"read/one reading a point in order", h.readInOrder},
		{"read/a point twice", h.readTwice},
		{"read/again", h.readAgain},
		{"read/nothing", h.readNothing},
		{"read/ended context", h.readEnded},
		{"read/points of another device", h.readForeign},
		{"write/read back", h.writeReadBack},
		{"write/read-only", h.writeReadOnly},
		{"write/wrong type", h.writeWrongType},
		{"write/ended context", h.writeEnded},
		{"concurrent/read and write", h.concurrent},
		{"close/later calls fail", h.callAfterClose},
	}
	if h.Away != nil {
		all = append(all,
			subtest{"away/open and point do no IO", h.openAway},
			subtest{"away/read and write", h.unreachable},
			subtest{"away/recovery", h.recovery})
	}
	if h.Observed != nil {
		all = append(all,
			subtest{"observe/each change in order", h.observeChanges},
			subtest{"observe/again", h.observeAgain},
			subtest{"observe/ends with close", h.observeClosed},
			subtest{"observe/nothing", h.observeNothing})
	}
	if h.Observed != nil && h.Away != nil {
		all = append(all, subtest{"observe/away and back", h.observeAway})
	}
	if h.Silent != nil {
		all = append(all,
			subtest{"silent/cancel ends read", h.cancelRead},
			subtest{"silent/deadline ends read", h.deadlineRead},
			subtest{"silent/cancel ends a read that waits", h.cancelWaiting},
			subtest{"silent/close ends read and write", h.closeEnds})
	}
	return all
}

// open opens the harness's device until the subtest ends.
func (h Harness) open(t *testing.T) driver.Device {
	t.Helper()
	device := h.openOnly(t, h.Settings)
	t.Cleanup(func() { closeDevice(t, device) })
	return device
}

// openOnly opens a device that the subtest closes.
func (h Harness) openOnly(t *testing.T, settings driver.Settings) driver.Device {
	t.Helper()
	device, err := h.Driver.Open("conformance", settings)
	if err != nil {
		t.Fatalf("Open(%v): %v", settings, err)
	}
	return device
}

func closeDevice(t *testing.T, device driver.Device) {
	t.Helper()
	if err := device.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func point(t *testing.T, device driver.Device, config driver.PointConfig) driver.Point {
	t.Helper()
	p, err := device.Point(config)
	if err != nil {
		t.Fatalf("Point(%+v): %v", config, err)
	}
	return p
}

// points returns the harness's known points.
func (h Harness) points(t *testing.T, device driver.Device) []driver.Point {
	t.Helper()
	points := make([]driver.Point, len(h.Points))
	for i, known := range h.Points {
		points[i] = point(t, device, known.Config)
	}
	return points
}

// timeout gives a context that ends long after everything that is soon.
func timeout(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*soon)
	t.Cleanup(cancel)
	return ctx
}

// await receives a value, and fails the test if none comes soon.
func await[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	timer := time.NewTimer(soon)
	defer timer.Stop()
	select {
	case v := <-from:
		return v
	case <-timer.C:
		t.Fatalf("%s: still not after %v", what, soon)
		var none T
		return none
	}
}
