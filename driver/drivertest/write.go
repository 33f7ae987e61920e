package drivertest

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"

	"datastub/driver"
)

func (h Harness) writeReadBack(t *testing.T) {
	device := h.open(t)
	p := point(t, device, h.Writable.Config)
	for _, value := range h.Writable.Values {
		if err := device.Write(timeout(t), p, value); err != nil {
			t.Fatalf("write %v: %v", value, err)
		}
		known := Known{Config: h.Writable.Config, Want: value}
		if r, ok := p.(driver.Rounder); ok {
			if got, err := r.Round(value); err != nil || !reflect.DeepEqual(got, value) {
				t.Errorf("round %v: got %v, %v; want it unchanged", value, got, err)
			}
		}
		h.checkRead(t, device, []driver.Point{p}, []Known{known})
	}
}

// writeReadOnly writes what the protocol makes read-only, if anything, and
// what the model does.
func (h Harness) writeReadOnly(t *testing.T) {
	device := h.open(t)
	model := h.Writable.Config
	model.ReadOnly = true
	for _, known := range []Known{h.ReadOnly, {Config: model, Want: h.Writable.Values[0]}} {
		p := point(t, device, known.Config)
		if err := device.Write(timeout(t), p, known.Want); !errors.Is(err, driver.ErrReadOnly) {
			t.Errorf("%s: write of %v gives %v, want ErrReadOnly", known.Config.Name, known.Want, err)
		}
	}
	h.checkRead(t, device, []driver.Point{point(t, device, h.ReadOnly.Config)}, []Known{h.ReadOnly})
}

func (h Harness) writeWrongType(t *testing.T) {
	device := h.open(t)
	p := point(t, device, h.Writable.Config)
	for _, value := range []any{nil, struct{}{}, 1} {
		if err := device.Write(timeout(t), p, value); !errors.Is(err, driver.ErrValue) {
			t.Errorf("write of %v (%T) to a point of type %s gives %v, want ErrValue", value, value, h.Writable.Config.Type, err)
		}
	}
}

func (h Harness) writeEnded(t *testing.T) {
	device := h.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := device.Write(ctx, point(t, device, h.Writable.Config), h.Writable.Values[0])
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// concurrent reads, writes and makes points at once, for the race detector.
func (h Harness) concurrent(t *testing.T) {
	const rounds = 20
	device := h.open(t)
	points := h.points(t, device)
	writable := point(t, device, h.Writable.Config)
	ctx := timeout(t)

	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for range rounds {
				if _, err := device.Read(ctx, points); err != nil {
					t.Errorf("Read: %v", err)
				}
			}
		})
	}
	all.Go(func() {
		for i := range rounds {
			if err := device.Write(ctx, writable, h.Writable.Values[i%2]); err != nil {
				t.Errorf("Write: %v", err)
			}
		}
	})
	all.Go(func() {
		for range rounds {
			if _, err := device.Point(h.Points[0].Config); err != nil {
				t.Errorf("Point: %v", err)
			}
		}
	})
	all.Wait()
}
