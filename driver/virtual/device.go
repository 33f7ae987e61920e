package virtual

import (
	"context"
	"fmt"
	"time"

	"datastub/driver"
)

var (
	_ driver.Device   = (*device)(nil)
	_ driver.Unreader = (*device)(nil)
)

// maxDelay is longer than any program waits for a device.
const maxDelay = time.Minute

// device is a clock and what it counts from; the values are its points'.
type device struct {
	name     string
	now      func() time.Time
	start    time.Time
	seed     int64 // of which the seeds of its points are made
	defaults defaults
	delay    time.Duration // of each answer
	outage   outage
	failing  *failing
	unread   []string
	closed   chan struct{}
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
		delay:    r.Duration("delay", 0, 0, maxDelay),
		outage:   readOutage(r),
		failing:  readFailing(r),
		unread:   r.Unread(),
		closed:   make(chan struct{}),
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
	if err := d.ask(ctx, d.failing.read); err != nil {
		return nil, fmt.Errorf("read virtual device %s: %w", d.name, err)
	}
	now := d.now()
	readings := make([]driver.Reading, len(points))
	for i, p := range points {
		readings[i] = d.own(p).read(now.Sub(d.start))
		readings[i].Time = now
	}
	return readings, nil
}

// Write makes the point hold the value.
func (d *device) Write(ctx context.Context, p driver.Point, value any) error {
	own := d.own(p)
	err := own.check(value)
	if err == nil {
		err = d.ask(ctx, d.failing.write)
	}
	if err == nil {
		err = own.write(value)
	}
	if err != nil {
		return fmt.Errorf("write %v of virtual device %s: %w", p, d.name, err)
	}
	return nil
}

// Close makes calls that wait, and later ones, fail.
func (d *device) Close() error {
	close(d.closed)
	return nil
}

// ask takes as long as an answer does, and tells why there is none. Fails
// counts what is asked.
func (d *device) ask(ctx context.Context, fails func() error) error {
	if err := d.wait(ctx); err != nil {
		return err
	}
	if err := d.outage.at(d.now().Sub(d.start)); err != nil {
		return err
	}
	if err := fails(); err != nil {
		return fmt.Errorf("%w: %w", driver.ErrUnreachable, err)
	}
	return nil
}

// wait takes as long as an answer does, and tells why nobody waits for one.
func (d *device) wait(ctx context.Context) error {
	if d.delay > 0 {
		timer := time.NewTimer(d.delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-d.closed:
		case <-ctx.Done():
		}
	}
	select {
	case <-d.closed:
		return fmt.Errorf("%w: it was closed", driver.ErrUnreachable)
	default:
		return ctx.Err()
	}
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
