package virtual

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"

	"datastub/driver"
)

var (
	_ driver.Point    = (*point)(nil)
	_ driver.Unreader = (*point)(nil)
)

// point is one property: a signal until it is written, then what was written.
type point struct {
	device   *device
	name     string
	signal   string
	typ      driver.Type
	readOnly bool
	failing  *failing
	unread   []string

	mu      sync.Mutex
	sample  sampler // guarded, as a random walk has state
	written any     // nil until the first write
}

func newPoint(d *device, config driver.PointConfig) (*point, error) {
	r := d.defaults.under(config.Settings, config.Type).Reader()
	signal, sample := newSampler(r, config.Type, derive(d.seed, config.Name))
	failing := readFailing(r)
	if err := r.Err(); err != nil {
		return nil, err
	}
	return &point{
		device:   d,
		name:     config.Name,
		signal:   signal,
		typ:      config.Type,
		readOnly: config.ReadOnly,
		failing:  failing,
		unread:   slices.DeleteFunc(r.Unread(), func(key string) bool { _, own := config.Settings[key]; return !own }),
		sample:   sample,
	}, nil
}

// String tells the property and its signal.
func (p *point) String() string { return p.signal + " " + p.name }

// Unread returns the point's own keys that mean nothing to its signal.
func (p *point) Unread() []string { return p.unread }

// read returns the value after a time, or why this read fails.
func (p *point) read(elapsed time.Duration) driver.Reading {
	if err := p.failing.read(); err != nil {
		return driver.Reading{Err: err}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.written != nil {
		return driver.Reading{Value: detach(p.written)}
	}
	return driver.Reading{Value: detach(p.sample(elapsed))}
}

// check tells why a value can never be written.
func (p *point) check(value any) error {
	if p.readOnly {
		return driver.ErrReadOnly
	}
	if !p.typ.Holds(value) {
		return fmt.Errorf("%w: %v is of type %T: want one of %s", driver.ErrValue, value, value, p.typ)
	}
	return nil
}

// write replaces the signal by a value that was checked, or tells why this
// write fails.
func (p *point) write(value any) error {
	if err := p.failing.write(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written = detach(value)
	return nil
}

// detach copies bytes, so that point and caller cannot change each other's.
func detach(value any) any {
	if b, ok := value.([]byte); ok {
		return bytes.Clone(b)
	}
	return value
}
