package coap

import (
	"context"
	"sync"
	"time"

	"datastub/driver"
)

// Observe registers at each resource of the points that are observed, and again
// when the device may have forgotten it.
func (d *device) Observe(ctx context.Context, points []driver.Point, news func(driver.Point, driver.Reading)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)()
	o := newObservation(d, points, news)
	defer o.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for len(o.watches) > 0 && ctx.Err() == nil {
		for _, w := range o.watches {
			w.renew(ctx)
			w.fetch(ctx)
		}
		timer.Reset(o.earliest().Sub(d.options.Now()))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-o.wake:
		case <-o.lost():
		}
	}
}

// An observation is one call of Observe.
type observation struct {
	device  *device
	watches []*watch
	wake    chan struct{} // holds one: a watch is due earlier than it was, or stale

	mu   sync.Mutex // guards what watches share with the library's goroutines, too
	news func(driver.Point, driver.Reading)
	over bool // news is not called any more
}

// newObservation makes a watch for each resource that is observed.
func newObservation(d *device, points []driver.Point, news func(driver.Point, driver.Reading)) *observation {
	o := &observation{device: d, wake: make(chan struct{}, 1), news: news}
	of := map[resource]*watch{}
	for _, p := range points {
		own := d.own(p)
		if !own.observe {
			continue
		}
		w := of[own.resource]
		if w == nil {
			w = &watch{observation: o, resource: own.resource}
			of[own.resource] = w
			o.watches = append(o.watches, w)
		}
		w.points = append(w.points, own)
	}
	return o
}

// earliest returns when the first watch is due.
func (o *observation) earliest() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	first := o.watches[0].due
	for _, w := range o.watches[1:] {
		if w.due.Before(first) {
			first = w.due
		}
	}
	return first
}

// lost returns a channel that is closed when the connection of the watches has
// ended, and with it what the device knows of them.
func (o *observation) lost() <-chan struct{} {
	for _, w := range o.watches {
		if w.conn != nil {
			return w.conn.Done()
		}
	}
	return nil // all are due soon
}

// end gives up the watches.
func (o *observation) end() {
	o.mu.Lock()
	o.over = true
	o.mu.Unlock()
	for _, w := range o.watches {
		w.cancel()
	}
}
