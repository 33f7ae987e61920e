package coap

import (
	"context"
	"fmt"
	"sync"

	"github.com/plgd-dev/go-coap/v3/udp/client"

	"datastub/driver"
)

var (
	_ driver.Device   = (*device)(nil)
	_ driver.Unreader = (*device)(nil)
	_ driver.Observer = (*device)(nil)
)

// errClosed is what calls get once the device was closed.
var errClosed = fmt.Errorf("%w: it was closed", driver.ErrUnreachable)

// device is one CoAP server.
type device struct {
	name    string
	config  config
	options Options
	unread  []string

	life context.Context // ends with Close
	end  context.CancelFunc
	use  sync.RWMutex // held to read by each call

	turn       chan struct{}  // holds one: a request is under way
	connection *connection    // the turn's; nil: none
	retry      driver.Backoff // the turn's
}

func newDevice(name string, c config, o Options, unread []string) *device {
	d := &device{name: name, config: c, options: o, unread: unread, turn: make(chan struct{}, 1)}
	d.life, d.end = context.WithCancel(context.Background())
	return d
}

// Unread returns the keys that mean nothing to a device.
func (d *device) Unread() []string { return d.unread }

// Point checks a point's settings, as the package documents them.
func (d *device) Point(config driver.PointConfig) (driver.Point, error) {
	p, err := newPoint(d, config)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// A request is what is asked over a connection, and done with the answer before
// it returns. Its context ends when the answer is too late.
type request func(ctx context.Context, conn *client.Conn) error

// do makes a request, when its turn has come: one at a time, as RFC 7252
// section 4.7 wants. The error wraps ErrUnreachable, or is the context's.
func (d *device) do(ctx context.Context, r request) error {
	d.use.RLock()
	defer d.use.RUnlock()
	if d.life.Err() != nil {
		return errClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)()
	err := d.exchange(ctx, r)
	if d.life.Err() != nil {
		return errClosed
	}
	return err
}

func (d *device) exchange(ctx context.Context, r request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-d.turn }()
	if err := d.retry.Wait(d.options.Now()); err != nil {
		return d.unreachable(err)
	}
	inner, stop := context.WithTimeoutCause(ctx, d.config.patience(), fmt.Errorf("no answer in %v", d.config.patience()))
	defer stop()
	err := d.attempt(inner, r)
	switch {
	case err == nil:
		d.retry = driver.Backoff{}
		return nil
	case ctx.Err() != nil: // says nothing of the device
		return ctx.Err()
	}
	d.drop()
	d.retry.Fail(d.options.Now(), 0, err, d.options.Rand())
	return d.unreachable(err)
}

// attempt connects, if need be, and makes the request.
func (d *device) attempt(ctx context.Context, r request) error {
	if d.connection != nil && d.connection.ended() {
		d.drop()
	}
	if d.connection == nil {
		c, err := connect(ctx, &d.config)
		if err != nil {
			return err
		}
		d.connection = c
	}
	d.connection.forget()
	err := r(ctx, d.connection.conn)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case d.connection.ended():
		return d.connection.cause(ctx)
	}
	return err
}

// drop closes the connection. It is called with the turn, or when there are no
// calls any more.
func (d *device) drop() {
	if d.connection != nil {
		d.connection.close()
		d.connection = nil
	}
}

func (d *device) unreachable(cause error) error {
	return fmt.Errorf("%w: %s: %w", driver.ErrUnreachable, d.config.address, cause)
}

// Close ends the calls that are under way, waits until they have, and closes the
// connection.
func (d *device) Close() error {
	d.end()
	d.use.Lock()
	defer d.use.Unlock()
	d.drop()
	return nil
}

// own returns a point as this device's. One of another device is the caller's
// mistake, and would be wrong silently if it did not end the program.
func (d *device) own(p driver.Point) *point {
	own, ok := p.(*point)
	if !ok || own.device != d {
		panic(fmt.Sprintf("coap: point %v is not one of device %s", p, d.name))
	}
	return own
}
