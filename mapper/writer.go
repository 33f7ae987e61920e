package mapper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"datastub/driver"
)

// writeLimit is how long one write of a device may take, as readLimit is for
// reads.
const writeLimit = 10 * time.Second

// hungWriteLimit is when a write that did not heed its deadline is called hung.
const hungWriteLimit = writeLimit + 5*time.Second

// maxCommands is how many commands may wait for one device: many more than
// people give, and a program that gives more is told to slow down.
const maxCommands = 64

var (
	errOpening = fmt.Errorf("%w: it is being opened", driver.ErrUnreachable)
	errStopped = fmt.Errorf("%w: it is being stopped or restarted", driver.ErrUnreachable)
)

// A writer writes to one device, one value at a time, in a goroutine of its
// own, so that reads go on. It has two kinds of orders: commands, each tried
// once for somebody who waits, and desires, tried until they are held. A
// command goes first. An order is done when the property was read again, by
// the device's goroutine, and holds the value.
type writer struct {
	asks chan ask        // holds the one there is: to the device's goroutine
	news chan<- struct{} // holds one: there is an ask, or trouble may return something new
	work chan struct{}   // holds one: there is a new order

	mu       sync.Mutex
	closed   error // why nothing can be written; nil: it can
	targets  map[string]target
	desires  map[string]*desire
	commands []*command
	stuck    string // the property whose write hangs
}

// A command is an order that somebody waits for.
type command struct {
	order
	done chan error // holds one
}

// An ask has the device's goroutine read a property now.
type ask struct {
	property string
	answer   chan<- driver.Reading // has room
}

// newWriter returns a writer that tells the device's goroutine of news.
func newWriter(news chan<- struct{}) *writer {
	return &writer{
		asks: make(chan ask, 1), news: news, work: make(chan struct{}, 1),
		closed: errOpening, desires: map[string]*desire{},
	}
}

// command has a text written, and returns when the device holds it or why it
// does not. If ctx ends first, what has not begun is not written.
func (w *writer) command(ctx context.Context, property, text string) error {
	c, err := w.enqueue(property, text)
	if err != nil {
		return err
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		w.withdraw(c)
		return ctx.Err()
	}
}

func (w *writer) enqueue(property, text string) (*command, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed != nil {
		return nil, w.closed
	}
	t, ok := w.targets[property]
	if !ok {
		return nil, ErrNoProperty
	}
	o, err := newOrder(property, t, text)
	if err != nil {
		return nil, err
	}
	if len(w.commands) == maxCommands {
		return nil, ErrBusy
	}
	c := &command{order: o, done: make(chan error, 1)}
	w.commands = append(w.commands, c)
	wake(w.work)
	return c, nil
}

func (w *writer) withdraw(c *command) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.Index(w.commands, c); i >= 0 {
		w.commands = slices.Delete(w.commands, i, i+1)
	}
}

// want says what there is to write to, and what is desired of it. A desire
// that is as it was goes on as it is; a new one of a property that the writer
// knew already is written at once, any other only if the device does not hold
// it.
func (w *writer) want(targets map[string]target, desired map[string]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	desires := make(map[string]*desire, len(desired))
	for name, text := range desired {
		now, before := targets[name], w.targets[name]
		known := before.point != nil && before.point == now.point
		if d := w.desires[name]; d != nil && known && d.text == text {
			desires[name] = d
			continue
		}
		desires[name] = newDesire(now, text, !known)
	}
	w.targets, w.desires = targets, desires
	wake(w.work)
}

// open lets orders in.
func (w *writer) open() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = nil
}

// close refuses all commands, and those that come, for a reason.
func (w *writer) close(reason error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = reason
	for _, c := range w.commands {
		c.done <- reason
	}
	w.commands = nil
}

// reachable says that the device answers again: desires need not wait longer.
func (w *writer) reachable() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.desires {
		d.next = time.Time{}
	}
	wake(w.work)
}

// trouble returns why a property does not hold what is desired, if it ought to.
func (w *writer) trouble(property string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stuck == property {
		return fmt.Sprintf("a write has not returned after %v: the driver hangs", hungWriteLimit)
	}
	if d := w.desires[property]; d != nil {
		return d.trouble
	}
	return ""
}

// hangs tells whether a write does not return.
func (w *writer) hangs() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stuck != ""
}

// held returns what a property was desired to hold and did, as its CR says it.
func (w *writer) held(property string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := w.desires[property]; d != nil && d.held {
		return d.text
	}
	return ""
}

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
	if len(w.commands) > 0 {
		c := w.commands[0]
		w.commands = w.commands[1:]
		return c, nil
	}
	if d := w.first(); d != nil && !d.next.After(now) {
		return nil, d
	}
	return nil, nil
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
	wake(w.news)
}

func (w *writer) tryDesire(ctx context.Context, log klog.Logger, device driver.Device, d *desire) error {
	if d.look {
		if err := w.confirm(ctx, &d.order); !errors.Is(err, ErrNotHeld) || !d.writable() {
			return err
		}
	}
	err := w.write(ctx, log, device, &d.order)
	if err != nil {
		return err
	}
	d.writes++
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

// write has the driver write an order, in a goroutine of its own, so that a
// driver that hangs is seen.
func (w *writer) write(ctx context.Context, log klog.Logger, device driver.Device, o *order) error {
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
	wake(w.news)
}

// confirm has the property read, and returns nil if it holds the order's value.
func (w *writer) confirm(ctx context.Context, o *order) error {
	answers := make(chan driver.Reading, 1) // the device's goroutine does not wait
	w.asks <- ask{o.property, answers}      // the one before was answered
	wake(w.news)
	select {
	case r := <-answers:
		switch {
		case r.Err != nil:
			return fmt.Errorf("read back: %w", r.Err)
		case !sameValue(r.Value, o.held):
			return fmt.Errorf("%w: %s", ErrNotHeld, cutShort(fmt.Sprint(r.Value)))
		}
		return nil
	case <-ctx.Done():
		return errStopped
	}
}

// wake fills a channel that holds one.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // who is to wake up will look anyway
	}
}
