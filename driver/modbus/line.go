package modbus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grid-x/modbus"

	"datastub/driver"
)

// errClosed is what calls get once the device was closed.
var errClosed = fmt.Errorf("%w: it was closed", driver.ErrUnreachable)

// A line is what requests travel on, one at a time: a TCP connection. The units
// behind one address share it. It is connected when that is needed, and again
// when it is out of step; one call at a time has the turn, and only it touches
// the link.
type line struct {
	name    string // in messages: host:port
	options Options
	dial    func(ctx context.Context) (link, error)
	codec   codec // the turn's

	turn        turn
	link        link          // the turn's; nil: none
	retry       backoff       // of connecting; the turn's
	silences    int           // requests in a row that nothing answered; the turn's
	slowest     time.Duration // the longest that an answer took, of late; the turn's
	connections atomic.Uint64 // made so far

	mu    sync.Mutex
	units map[*unit]bool // that are open; whether they answer
}

// maxSilences is how many requests in a row may go unanswered before the
// connection itself is suspected, and made anew.
const maxSilences = 2

// A call is one request to a unit and its answer's data.
type call func(client modbus.Client) ([]byte, error)

// do makes a call for a unit, and returns the answer and when it came. The
// error is an exception if the answer was a refusal. Otherwise it wraps
// ErrUnreachable, or is the context's.
func (l *line) do(ctx context.Context, u *unit, want urgency, c call) ([]byte, time.Time, error) {
	if err := l.turn.take(ctx, want); err != nil {
		return nil, time.Time{}, err
	}
	defer l.turn.give()
	started := l.options.Now()
	if err := cmp.Or(l.retry.wait(started), u.retry.wait(started)); err != nil {
		return nil, time.Time{}, l.unreachable(err)
	}
	if err := l.connect(ctx, u); err != nil {
		return nil, time.Time{}, err
	}
	data, err := l.exchange(ctx, u, c)
	now := l.options.Now()
	took := now.Sub(started)
	refused, isRefused := errors.AsType[*modbus.Error](err)
	switch {
	case isRefused && exception(refused.ExceptionCode).unreachable():
		return nil, now, l.fails(u, took, exception(refused.ExceptionCode))
	case isRefused:
		err = exception(refused.ExceptionCode)
	case errors.Is(ctx.Err(), context.Canceled): // says nothing of the device
		return nil, now, ctx.Err()
	case err != nil:
		return nil, now, l.fails(u, took, err)
	}
	l.answers(u, took)
	return data, now, err
}

// connect makes the link if there is none. Whoever failed to, nobody tries
// again for some time.
func (l *line) connect(ctx context.Context, u *unit) error {
	if l.link != nil && !l.link.Ready() {
		l.drop()
	}
	if l.link != nil {
		return nil
	}
	inner, cancel := limit(ctx, u.timeout)
	defer cancel()
	made, err := l.dial(inner)
	switch {
	case err == nil:
		l.link, l.retry, l.silences = made, backoff{}, 0
		l.connections.Add(1)
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case inner.Err() != nil:
		err = context.Cause(inner)
	}
	l.retry.fail(l.options.Now(), 0, err, l.options.Rand())
	return l.unreachable(err)
}

// exchange makes a call over the link, which is gone afterwards if it is out of
// step.
func (l *line) exchange(ctx context.Context, u *unit, c call) ([]byte, error) {
	ctx, cancel := limit(ctx, l.patience(u))
	defer cancel()
	l.codec.SetSlave(u.id)
	link := l.link
	stop := context.AfterFunc(ctx, link.Interrupt)
	data, err := c(modbus.NewClient2(l.codec, link))
	inTime := stop()
	if !inTime && err != nil {
		err = context.Cause(ctx)
	}
	if _, refused := errors.AsType[*modbus.Error](err); !inTime || err != nil && !refused {
		l.silences++
		if !link.Resume() || l.silences >= maxSilences {
			l.drop()
		}
		return data, err
	}
	l.silences = 0
	return data, err
}

// limit gives one step of a call the time that it may take.
func limit(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, most, fmt.Errorf("no answer in %v", most))
}

func (l *line) unreachable(cause error) error {
	return fmt.Errorf("%w: %s: %w", driver.ErrUnreachable, l.name, cause)
}

// drop closes the link. What closing says is of no use to anyone: the
// connection is given up.
func (l *line) drop() {
	_ = l.link.Close()
	l.link = nil
}

// close ends the line, which nobody uses any more.
func (l *line) close() {
	if l.link != nil {
		l.drop()
	}
}
