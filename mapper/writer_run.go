package mapper

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"k8s.io/klog/v2"

	"datastub/driver"
)

// writeLimit is how long one write of a device may take, as readLimit is for
// reads.
const writeLimit = 10 * time.Second

// errUnconfirmed says that it is not known what a property holds.
var errUnconfirmed = errors.New("it cannot be read back")

// hungWriteLimit is when a write that did not heed its deadline is called hung.
const hungWriteLimit = writeLimit + 5*time.Second

// run writes until ctx ends and the driver has let go of the last write.
func (w *writer) run(ctx context.Context, log klog.Logger, device driver.Device) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.work:
		case <-timer.C:
		}
		for ctx.Err() == nil {
			c, d := w.next(time.Now())
			switch {
			case c != nil:
				c.done <- w.fulfil(ctx, log, device, &c.order)
				continue
			case d != nil:
				w.pursue(ctx, log, device, d)
				continue
			}
			break
		}
		if at, ok := w.earliest(); ok {
			timer.Reset(time.Until(at))
		}
	}
}

// next returns the order whose turn it is, if there is one.
func (w *writer) next(now time.Time) (*command, *desire) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.first()
	if d != nil && d.next.After(now) {
		d = nil
	}
	if len(w.commands) > 0 && (d == nil || !w.yields) {
		c := w.commands[0]
		w.commands, w.yields = w.commands[1:], true
		return c, nil
	}
	w.yields = false
	return nil, d
}

// earliest returns when a desire is to be tried next.
func (w *writer) earliest() (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := w.first(); d != nil {
		return d.next, true
	}
	return time.Time{}, false
}

// first returns the desire that is to be tried next, whenever that is. It is
// called with mu held.
func (w *writer) first() *desire {
	var first *desire
	for _, d := range w.desires {
		if !d.over && (first == nil || d.next.Before(first.next)) {
			first = d
		}
	}
	return first
}

// pursue tries a desire once. What comes of one that was replaced meanwhile is
// no news.
func (w *writer) pursue(ctx context.Context, log klog.Logger, device driver.Device, d *desire) {
	err := w.tryDesire(ctx, log, device, d)
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	d.settle(time.Now(), err)
	w.news()
}

func (w *writer) tryDesire(ctx context.Context, log klog.Logger, device driver.Device, d *desire) error {
	if d.look {
		if err := w.confirm(ctx, &d.order); !d.judge(err) {
			return err
		}
	}
	switch err := w.write(ctx, log, device, &d.order); {
	case err == nil:
	case unanswered(err): // whether all of the device is away, and whether it took the value, tells a read
		if err := w.confirm(ctx, &d.order); err == nil || unanswered(err) {
			return err
		}
		return errUnanswered
	default:
		return err
	}
	d.written = true
	log.Info("Desired value is written", "property", d.property, "desired", cutShort(d.text))
	return w.confirm(ctx, &d.order)
}

// fulfil writes an order and reads it back.
func (w *writer) fulfil(ctx context.Context, log klog.Logger, device driver.Device, o *order) error {
	if err := w.write(ctx, log, device, o); err != nil {
		return err
	}
	return w.confirm(ctx, o)
}

// write has the driver write an order, and counts what comes of it.
func (w *writer) write(ctx context.Context, log klog.Logger, device driver.Device, o *order) error {
	err := w.call(ctx, log, device, o)
	w.counters.write(err)
	return err
}

// call has the driver write an order in a goroutine of its own, so that a
// driver that hangs is seen.
func (w *writer) call(ctx context.Context, log klog.Logger, device driver.Device, o *order) error {
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- guard(log, "write", func() error { return device.Write(ctx, o.point, o.value) })
	}()
	hung := time.NewTimer(hungWriteLimit)
	defer hung.Stop()
	select {
	case err := <-done:
		return err
	case <-hung.C:
	}
	w.setStuck(o.property)
	defer w.setStuck("")
	return <-done // the device's Close ends it
}

func (w *writer) setStuck(property string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stuck = property
	w.news()
}

// confirm has the property read, and returns nil if it holds the order's value.
func (w *writer) confirm(ctx context.Context, o *order) error {
	answers := make(chan driver.Reading, 1) // the device's goroutine does not wait
	w.asks <- ask{o.property, answers}      // the one before was answered
	w.news()
	select {
	case r := <-answers:
		switch {
		case r.Err != nil:
			return fmt.Errorf("%w: %w", errUnconfirmed, r.Err)
		case !reflect.DeepEqual(r.Value, o.held):
			return fmt.Errorf("%w: %s", ErrNotHeld, cutShort(fmt.Sprint(r.Value)))
		}
		return nil
	case <-ctx.Done():
		return errStopped
	}
}
