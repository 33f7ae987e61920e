package virtual_test

import (
	"testing"
	"time"

	"datastub/driver"
	"datastub/driver/virtual"
)

// bench is a driver whose clock the test moves.
type bench struct {
	t     *testing.T
	start time.Time
	now   time.Time
	drv   *virtual.Driver
}

func newBench(t *testing.T) *bench {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b := &bench{t: t, start: start, now: start}
	b.drv = virtual.New(virtual.Options{Now: func() time.Time { return b.now }})
	return b
}

// open opens a device.
func (b *bench) open(device string, settings driver.Settings) driver.Device {
	b.t.Helper()
	d, err := b.drv.Open(device, settings)
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

// pointOf returns a point of a device.
func (b *bench) pointOf(d driver.Device, config driver.PointConfig) driver.Point {
	b.t.Helper()
	p, err := d.Point(config)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// point returns a device without settings, and a point of it.
func (b *bench) point(device string, config driver.PointConfig) (driver.Device, driver.Point) {
	b.t.Helper()
	d := b.open(device, nil)
	return d, b.pointOf(d, config)
}

// at returns a point's value a time after the start.
func (b *bench) at(elapsed time.Duration, d driver.Device, p driver.Point) any {
	b.t.Helper()
	b.now = b.start.Add(elapsed)
	readings, err := d.Read(b.t.Context(), []driver.Point{p})
	if err != nil {
		b.t.Fatal(err)
	}
	return readings[0].Value
}
