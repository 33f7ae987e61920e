package mapper

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"datastub/driver"
)

// maxCommands is how many commands may wait for one device: many more than
// people give, and a program that gives more is told to slow down.
const maxCommands = 64

var (
	errOpening = fmt.Errorf("%w: it is being opened", driver.ErrUnreachable)
	errStopped = fmt.Errorf("%w: it is being stopped or restarted", driver.ErrUnreachable)
	errChanged = fmt.Errorf("%w: the property is being changed", driver.ErrUnreachable)
)

// A writer writes to one device, one value at a time, in a goroutine of its
// own, so that reads go on; it has none before the first order. It has two kinds
// of them: commands, each tried once for somebody who waits, and desires, tried
// until they are held. A command goes first, but not twice while a desire is
// due. An order is done when the property was read again, by the device's
// goroutine, and holds the value.
type writer struct {
	asks chan ask      // holds the one there is: to the device's goroutine
	news func()        // is told that there is an ask, or that trouble may return something new
	work chan struct{} // holds one: there is a new order

	counters *counters // where writes are counted

	mu       sync.Mutex
	closed   error  // why nothing can be written; nil: it can
	begin    func() // has run run; nil: it was called
	targets  targets
	desires  map[string]*desire
	commands []*command
	yields   bool   // the last order was a command: a desire that is due has its turn
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

// newWriter returns a writer that tells of news, for the device's goroutine.
func newWriter(news func(), counters *counters) *writer {
	return &writer{
		asks: make(chan ask, 1), news: news, work: make(chan struct{}, 1), counters: counters,
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
	t, ok := w.targets.of(property)
	if !ok {
		return nil, ErrNoProperty
	}
	o, err := newOrder(t, text)
	if err != nil {
		return nil, err
	}
	if len(w.commands) == maxCommands {
		return nil, ErrBusy
	}
	c := &command{order: o, done: make(chan error, 1)}
	w.commands = append(w.commands, c)
	w.rouse()
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
// it. Commands for what was somewhere else, or something else, are refused.
func (w *writer) want(targets targets, desired map[string]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	desires := make(map[string]*desire, len(desired))
	for name, text := range desired {
		now, _ := targets.of(name)
		before, _ := w.targets.of(name)
		known := before.point != nil && before.point == now.point
		if d := w.desires[name]; d != nil && known && d.text == text {
			desires[name] = d
			continue
		}
		desires[name] = newDesire(now, text, !known)
	}
	w.commands = slices.DeleteFunc(w.commands, func(c *command) bool {
		now, _ := targets.of(c.property)
		changed := c.point != now.point
		if changed {
			c.done <- errChanged
		}
		return changed
	})
	w.targets, w.desires = targets, desires
	w.rouse()
}

// open lets orders in. Begin has run run, and is called when there is one.
func (w *writer) open(begin func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed, w.begin = nil, begin
	w.rouse()
}

// rouse has run look at the orders. It is called with mu held.
func (w *writer) rouse() {
	if w.closed == nil && w.begin != nil && len(w.commands)+len(w.desires) > 0 {
		w.begin()
		w.begin = nil
	}
	wake(w.work)
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
	w.rouse()
}

// trouble returns why a property does not hold what is desired, if it ought to.
func (w *writer) trouble(property string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stuck == property {
		return fmt.Sprintf("%s: a write has not returned after %v: the driver hangs", property, hungWriteLimit)
	}
	if d := w.desires[property]; d != nil {
		return d.trouble
	}
	return ""
}

// absurd tells whether what is desired of a property is what it can never hold.
func (w *writer) absurd(property string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.desires[property]
	return d != nil && d.absurd && w.stuck != property
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
