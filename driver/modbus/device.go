package modbus

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

// device is one unit on its line.
type device struct {
	name   string
	unread []string
	unit   *unit
	order  order // of points that are numbers and say no other

	bounds  bounds
	lessons lessons
	dialect dialect
}

// Unread returns the keys that mean nothing to a device.
func (d *device) Unread() []string { return d.unread }

// orderOf returns the order of a point that says none. Devices that swap the
// registers of numbers do not turn text around.
func (d *device) orderOf(e encoding) order {
	if e.kind == text || e.kind == raw {
		return order{}
	}
	return d.order
}

// Point checks a point's settings, as the package documents them.
func (d *device) Point(config driver.PointConfig) (driver.Point, error) {
	p, err := newPoint(d, config)
	if err == nil {
		err = d.bounds.check(p.span)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Read reads the points in as few requests as the device takes.
func (d *device) Read(ctx context.Context, points []driver.Point) ([]driver.Reading, error) {
	q := d.inquire(points)
	if err := q.run(ctx); err != nil {
		return nil, err
	}
	return q.readings, nil
}

// read makes one request.
func (d *device) read(ctx context.Context, s span) ([]byte, time.Time, error) {
	data, at, err := d.unit.do(ctx, usual, s.read)
	if err != nil {
		err = fmt.Errorf("read %v: %w", s, err)
	}
	return data, at, err
}

// reading decodes the point's bytes of an answer.
func (p *point) reading(data []byte, at time.Time) driver.Reading {
	value, suspect, err := p.format.decode(data)
	if err != nil {
		return driver.Reading{Time: at, Err: fmt.Errorf("decode %v: %w", p, err)}
	}
	return driver.Reading{Value: value, Time: at, Suspect: suspect}
}

func (d *device) now() time.Time { return d.unit.lines.options.Now() }

// Close leaves the line.
func (d *device) Close() error {
	d.unit.lines.close(d.unit)
	return nil
}

// own returns a point as this device's. One of another device is the caller's
// mistake, and would be wrong silently if it did not end the program.
func (d *device) own(p driver.Point) *point {
	own, ok := p.(*point)
	if !ok || own.device != d {
		panic(fmt.Sprintf("modbus: point %v is not one of device %s", p, d.name))
	}
	return own
}
