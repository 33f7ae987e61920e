package drivertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"datastub/driver"
)

func (h Harness) callAfterClose(t *testing.T) {
	device := h.openOnly(t, h.Settings)
	points := h.points(t, device)
	writable := point(t, device, h.Writable.Config)
	if _, err := device.Read(timeout(t), points); err != nil {
		t.Errorf("Read: %v", err)
	}
	closeDevice(t, device)
	checkUnreachable(t, device, points, writable, h.Writable.Values[0])
}

// openAway opens a device that is not there: only IO could fail.
func (h Harness) openAway(t *testing.T) {
	h.Away(t)
	defer h.Back(t)
	h.points(t, h.open(t))
}

func (h Harness) unreachable(t *testing.T) {
	device := h.open(t)
	points := h.points(t, device)
	writable := point(t, device, h.Writable.Config)
	h.checkRead(t, device, points, h.Points) // it has a connection to lose

	h.Away(t)
	defer h.Back(t)
	for range 3 { // at once, and while the driver waits before it tries again
		checkUnreachable(t, device, points, writable, h.Writable.Values[0])
	}
}

func checkUnreachable(t *testing.T, device driver.Device, points []driver.Point, writable driver.Point, value any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	readings, err := device.Read(ctx, points)
	if !errors.Is(err, driver.ErrUnreachable) || readings != nil {
		t.Errorf("read gives %v, %v, want no readings and ErrUnreachable", readings, err)
	}
	if err := device.Write(ctx, writable, value); !errors.Is(err, driver.ErrUnreachable) {
		t.Errorf("write gives %v, want ErrUnreachable", err)
	}
}

func (h Harness) recovery(t *testing.T) {
	device := h.open(t)
	points := h.points(t, device)
	h.checkRead(t, device, points, h.Points)
	h.Away(t)
	_, err := device.Read(timeout(t), points)
	h.Back(t)
	if !errors.Is(err, driver.ErrUnreachable) {
		t.Fatalf("read of a device that is away gives %v", err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), h.Recovery)
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for err != nil {
		select {
		case <-ctx.Done():
			t.Fatalf("not recovered %v after the device came back: %v", h.Recovery, err)
		case <-tick.C:
			_, err = device.Read(ctx, points)
		}
	}
	h.checkRead(t, device, points, h.Points)
}
