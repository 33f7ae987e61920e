package modbus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grid-x/modbus"

	"datastub/driver"
)

// errClosed is what calls get once the device was closed.
var errClosed = fmt.Errorf("%w: it was closed", driver.ErrUnreachable)

// bus is the connection to one device: made when it is needed, closed after
// any failure. One call at a time has the turn, and only it touches the
// connection; the others wait for the turn, for their context or for the end.
type bus struct {
	config  config
	options Options
	codec   modbus.Packager // adds and numbers the frames' headers

	turn        chan struct{} // holds one value while a call has the turn
	conn        net.Conn      // the turn's; nil: none
	retry       backoff       // the turn's
	connections atomic.Uint64 // made so far

	mu     sync.Mutex
	closed chan struct{}      // closed by close
	cancel context.CancelFunc // of the call that has the turn
}

func newBus(config config, options Options) *bus {
	codec := modbus.NewTCPClientHandler(config.address) // of which only the codec is used
	codec.SetSlave(config.unit)
	return &bus{
		config:  config,
		options: options,
		codec:   codec,
		turn:    make(chan struct{}, 1), // one turn
		closed:  make(chan struct{}),
	}
}

// A call is one request to a device and its answer's data.
type call func(client modbus.Client) ([]byte, error)

// do makes a call, and returns the answer and when it came. The error is an
// exception if the answer was a refusal. Otherwise it wraps ErrUnreachable, or
// is the context's.
func (b *bus) do(ctx context.Context, c call) ([]byte, time.Time, error) {
	inner, err := b.enter(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer b.leave()

	if err := b.retry.wait(b.options.Now()); err != nil {
		return nil, time.Time{}, b.unreachable(err)
	}
	data, err := b.exchange(inner, c)
	if refused := (*modbus.Error)(nil); errors.As(err, &refused) {
		err = exception(refused.ExceptionCode)
	} else if err != nil {
		return nil, time.Time{}, b.failure(ctx, err)
	}
	b.retry = backoff{}
	return data, b.options.Now(), err
}

// enter waits for the turn. The context that it returns ends with ctx and
// when the bus is closed.
func (b *bus) enter(ctx context.Context) (context.Context, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case b.turn <- struct{}{}:
	case <-b.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isClosed() { // select takes any that is ready
		<-b.turn
		return nil, errClosed
	}
	inner, cancel := context.WithCancel(ctx)
	b.cancel = cancel
	return inner, nil
}

func (b *bus) leave() {
	b.mu.Lock()
	b.cancel()
	b.mu.Unlock()
	<-b.turn
}

// exchange connects if need be and makes the call. After any error but an
// exception there is no connection.
func (b *bus) exchange(ctx context.Context, c call) ([]byte, error) {
	if b.conn != nil && stale(b.conn) {
		b.drop()
	}
	if b.conn == nil {
		if err := b.connect(ctx); err != nil {
			return nil, err
		}
	}
	ctx, cancel := b.limit(ctx)
	defer cancel()
	conn := b.conn
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // fails if broken, which ends the call too
	})
	data, err := c(modbus.NewClient2(b.codec, wire{conn}))
	inTime := stop()
	if refused := (*modbus.Error)(nil); !inTime || err != nil && !errors.As(err, &refused) {
		b.drop() // out of step, or its deadline is over
	}
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return data, err
}

func (b *bus) connect(ctx context.Context) error {
	ctx, cancel := b.limit(ctx)
	defer cancel()
	conn, err := b.options.Dial(ctx, "tcp", b.config.address)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	b.conn = conn
	b.connections.Add(1)
	return nil
}

// limit gives one step of a call the time that the device may take.
func (b *bus) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	late := fmt.Errorf("no answer in %v", b.config.timeout)
	return context.WithTimeoutCause(ctx, b.config.timeout, late)
}

// failure notes why a call failed and returns what its caller gets. Neither a
// caller that has given up nor close says anything about the device.
func (b *bus) failure(ctx context.Context, cause error) error {
	if b.isClosed() {
		return errClosed
	}
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return err
	}
	b.retry.fail(b.options.Now(), cause, b.options.Rand())
	return b.unreachable(cause)
}

func (b *bus) unreachable(cause error) error {
	return fmt.Errorf("%w: %s: %w", driver.ErrUnreachable, b.config.address, cause)
}

// drop closes the connection. What closing says is of no use to anyone: the
// connection is given up.
func (b *bus) drop() {
	_ = b.conn.Close()
	b.conn = nil
}

func (b *bus) isClosed() bool {
	select {
	case <-b.closed:
		return true
	default:
		return false
	}
}

// close ends the call that has the turn, waits until it has, and keeps the
// turn for ever. It is called once.
func (b *bus) close() {
	b.mu.Lock()
	close(b.closed)
	if b.cancel != nil {
		b.cancel()
	}
	b.mu.Unlock()
	b.turn <- struct{}{}
	if b.conn != nil {
		b.drop()
	}
}
