package drivertest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"datastub/driver"
)

func (h Harness) readInOrder(t *testing.T) {
	device := h.open(t)
	points := h.points(t, device)
	h.checkRead(t, device, points, h.Points)

	known := slices.Clone(h.Points)
	slices.Reverse(points)
	slices.Reverse(known)
	h.checkRead(t, device, points, known)
}

func (h Harness) readTwice(t *testing.T) {
	device := h.open(t)
	p := point(t, device, h.Points[0].Config)
	h.checkRead(t, device, []driver.Point{p, p}, []Known{h.Points[0], h.Points[0]})
}

func (h Harness) readAgain(t *testing.T) {
	device := h.open(t)
	points := h.points(t, device)
	for range 3 {
		h.checkRead(t, device, points, h.Points)
	}
	h.checkRead(t, device, points[1:], h.Points[1:])
}

func (h Harness) readNothing(t *testing.T) {
	readings, err := h.open(t).Read(timeout(t), nil)
	if err != nil || len(readings) != 0 {
		t.Errorf("read of no points gives %v, %v, want nothing", readings, err)
	}
}

func (h Harness) readEnded(t *testing.T) {
	device := h.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	readings, err := device.Read(ctx, h.points(t, device))
	if !errors.Is(err, context.Canceled) || readings != nil {
		t.Errorf("got %v, %v, want no readings and context.Canceled", readings, err)
	}
}

func (h Harness) readForeign(t *testing.T) {
	foreign := h.points(t, h.open(t))
	device := h.open(t)
	defer func() {
		if recover() == nil {
			t.Error("a read of another device's points does not panic")
		}
	}()
	_, err := device.Read(timeout(t), foreign)
	t.Logf("it returns %v", err)
}

// checkRead reads the points once and holds the readings to what is known.
func (h Harness) checkRead(t *testing.T, device driver.Device, points []driver.Point, known []Known) {
	t.Helper()
	before := h.Now()
	readings, err := device.Read(timeout(t), points)
	after := h.Now()
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	if len(readings) != len(points) {
		t.Fatalf("%d points gave %d readings", len(points), len(readings))
	}
	for i, r := range readings {
		checkReading(t, known[i], r)
		checkTime(t, known[i].Config.Name, r.Time, before, after)
	}
}

func checkReading(t *testing.T, known Known, r driver.Reading) {
	t.Helper()
	name := known.Config.Name
	switch {
	case r.Err != nil:
		t.Errorf("%s: %v", name, r.Err)
	case !known.Config.Type.Holds(r.Value):
		t.Errorf("%s: the value %v is %T, which is no %s", name, r.Value, r.Value, known.Config.Type)
	case known.Want != nil && !reflect.DeepEqual(r.Value, known.Want):
		t.Errorf("%s: got %v (%T), want %v (%T)", name, r.Value, r.Value, known.Want, known.Want)
	}
}

func checkTime(t *testing.T, name string, at, before, after time.Time) {
	t.Helper()
	if at.Before(before) || at.After(after) {
		t.Errorf("%s: time %v is not from %v to %v, when it was read", name, at, before, after)
	}
}
