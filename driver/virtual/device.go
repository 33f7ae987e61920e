package virtual

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"datastub/driver"
)

var (
	_ driver.Device   = (*device)(nil)
	_ driver.Unreader = (*device)(nil)
)

// device is a clock and what it counts from; the values are its points'.
type device struct {
	name     string
	now      func() time.Time
	start    time.Time
	seed     int64 // of which the seeds of its points are made
	defaults defaults
	unread   []string
	closed   atomic.Bool
}

// newDevice reads the settings of a device that starts now.
func newDevice(name string, settings driver.Settings, now func() time.Time) (*device, error) {
	r := settings.Reader()
	d := &device{
		name:     name,
		now:      now,
		start:    now(),
		seed:     readSeed(r, name),
		defaults: readDefaults(r),
		unread:   r.Unread(),
	}
	return d, r.Err()
}

// Unread returns the keys that mean nothing to a virtual device.
func (d *device) Unread() []string { return d.unread }

// Point checks a point's settings, as the package documents them.
func (d *device) Point(config driver.PointConfig) (driver.Point, error) {
	return newPoint(d, config)
}

// Read gives every point's value of one and the same moment.
func (d *device) Read(ctx context.Context, points []driver.Point) ([]driver.Reading, error) {
	if err := d.ready(ctx); err != nil {
		return nil, fmt.Errorf("read virtual device %s: %w", d.name, err)
	}
	now := d.now()
	readings := make([]driver.Reading, len(points))
	for i, p := range points {
		readings[i] = driver.Reading{Value: d.own(p).read(now.Sub(d.start)), Time: now}
	}
	return readings, nil
}

// Write makes the point hold the value.
func (d *device) Write(ctx context.Context, p driver.Point, value any) error {
	err := d.ready(ctx)
	if err == nil {
		err = d.own(p).write(value)
	}
	if err != nil {
		return fmt.Errorf("write %v of virtual device %s: %w", p, d.name, err)
	}
	return nil
}

// Close makes later calls fail.
func (d *device) Close() error {
	d.closed.Store(true)
	return nil
}

// ready tells why nothing can be read or written now.
func (d *device) ready(ctx context.Context) error {
	if d.closed.Load() {
		return fmt.Errorf("%w: it was closed", driver.ErrUnreachable)
	}
	return ctx.Err()
}

// own returns a point as this device's. One of another device is the caller's
// mistake, and would be wrong silently if it did not end the program.
func (d *device) own(p driver.Point) *point {
	own, ok := p.(*point)
	if !ok || own.device != d {
		panic(fmt.Sprintf("virtual: point %v is not one of device %s", p, d.name))
	}
	return own
}
