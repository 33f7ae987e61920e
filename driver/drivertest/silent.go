package drivertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"datastub/driver"
)

// silence is a silent device with one read that is under way.
type silence struct {
	device driver.Device
	point  driver.Point
	read   <-chan error // what the read returns
}

// listen starts a read of a silent device and returns once the device has
// taken the request.
func (h Harness) listen(ctx context.Context, t *testing.T) silence {
	t.Helper()
	settings, config, requests := h.Silent(t)
	device := h.openOnly(t, settings)
	p := point(t, device, config)
	read := startRead(ctx, device, p)
	await(t, "request", requests)
	return silence{device, p, read}
}

func startRead(ctx context.Context, device driver.Device, p driver.Point) <-chan error {
	read := make(chan error, 1)
	go func() {
		_, err := device.Read(ctx, []driver.Point{p})
		read <- err
	}()
	return read
}

func (h Harness) cancelRead(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := h.listen(ctx, t)
	defer closeDevice(t, s.device)
	cancel()
	if err := await(t, "read of a cancelled context", s.read); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func (h Harness) deadlineRead(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	s := h.listen(ctx, t)
	defer closeDevice(t, s.device)
	err := await(t, "read past its deadline", s.read)
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, driver.ErrUnreachable) {
		t.Errorf("got %v, want context.DeadlineExceeded or ErrUnreachable", err)
	}
}

// cancelWaiting cancels a read that waits for another one to end.
func (h Harness) cancelWaiting(t *testing.T) {
	first, cancelFirst := context.WithCancel(t.Context())
	defer cancelFirst()
	s := h.listen(first, t)
	defer closeDevice(t, s.device)

	second, cancelSecond := context.WithCancel(t.Context())
	defer cancelSecond()
	waiting := startRead(second, s.device, s.point)
	cancelSecond()
	if err := await(t, "read that waits", waiting); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	cancelFirst()
	if err := await(t, "first read", s.read); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func (h Harness) closeEnds(t *testing.T) {
	s := h.listen(t.Context(), t)
	waiting := startRead(t.Context(), s.device, s.point)
	closed := make(chan error, 1)
	go func() { closed <- s.device.Close() }()
	if err := await(t, "Close", closed); err != nil {
		t.Errorf("Close: %v", err)
	}
	for _, read := range []<-chan error{s.read, waiting} {
		if err := await(t, "read of a closed device", read); !errors.Is(err, driver.ErrUnreachable) {
			t.Errorf("got %v, want ErrUnreachable", err)
		}
	}
}
