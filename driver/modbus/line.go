package modbus

import (
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

// A line is what requests travel on, one at a time: a TCP connection, or a
// serial port. The units behind one address share it. It is connected when that
// is needed, and again when it is out of step; one call at a time has the turn,
// and only it touches the link.
type line struct {
	config  lineConfig
	options Options
	codec   codec // the turn's

	turn        turn
	link        link           // the turn's; nil: none
	debts       debts          // the turn's
	retry       driver.Backoff // of connecting; the turn's
	silences    int            // requests in a row that nothing answered; the turn's
	slowest     time.Duration  // the longest that an answer took, of late; the turn's
	connections atomic.Uint64  // made so far

	mu    sync.Mutex
	units map[*unit]bool // that are open; whether they answer
}

// newLine returns a line that nobody is on yet, with the debts that the last one at
// its address left.
func newLine(c lineConfig, o Options, owed debts) *line {
	if owed == nil {
		owed = debts{}
	}
	return &line{config: c, options: o, codec: c.codec(), debts: owed, units: map[*unit]bool{}}
}

// A call is a request to a unit, or some that belong together, and the last
// one's data.
type call func(client modbus.Client) ([]byte, error)

// do makes a call for a unit, and returns the answer and when it came. The
// error is an exception if the answer was a refusal. Otherwise it wraps
// ErrUnreachable, or is the context's.
func (l *line) do(ctx context.Context, u *unit, want urgency, c call) ([]byte, time.Time, error) {
	if err := l.take(ctx, u, want); err != nil {
		return nil, time.Time{}, err
	}
	defer l.turn.give()
	started := l.options.Now()
	if err := l.wait(u, started); err != nil {
		return nil, started, err
	}
	data, err := l.try(ctx, u, want, c)
	return l.judge(ctx, u, started, data, err)
}

// take waits for the turn, and before it for the unit's pause to end.
func (l *line) take(ctx context.Context, u *unit, want urgency) error {
	for {
		if err := l.turn.take(ctx, want); err != nil {
			return err
		}
		rest := u.next.Sub(l.options.Now())
		if rest <= 0 {
			return nil
		}
		l.turn.give()
		if err := sleep(ctx, rest); err != nil {
			return err
		}
	}
}

// wait returns an error if the line or the unit may not be tried yet. What was
// known of the line when the unit was opened is not: somebody may have changed
// its settings for that.
func (l *line) wait(u *unit, now time.Time) error {
	if !l.retry.Last().Before(u.opened) {
		if err := l.retry.Wait(now); err != nil {
			return l.unreachable(err)
		}
	}
	if err := u.retry.Wait(now); err != nil {
		return l.unreachable(err)
	}
	if u.busy.Wait(now) != nil {
		return u.busy.Cause() // it is a point's reason, too, and each time of day would be another one
	}
	return nil
}

// try makes a call, and again where that may help: a read whose answer came
// damaged, or whose connection broke. Nothing is sent twice to who was silent,
// as all others would wait; a write is not, as it may have been done.
func (l *line) try(ctx context.Context, u *unit, want urgency, c call) ([]byte, error) {
	for left := u.config.retries; ; left-- {
		if err := l.connect(ctx, u); err != nil {
			return nil, err
		}
		data, err := l.exchange(ctx, u, c)
		_, refused := errors.AsType[*modbus.Error](err)
		if err == nil || refused || left <= 0 || want == urgent || u.retry.Failures() > 0 ||
			ctx.Err() != nil || errors.Is(err, errSilent) || l.debts.left(u.config.unit, l.options.Now()) > 0 {
			return data, err
		}
	}
}

// judge notes how a call ended, and returns what do does.
func (l *line) judge(ctx context.Context, u *unit, started time.Time, data []byte, err error) ([]byte, time.Time, error) {
	now := l.options.Now()
	u.next = now.Add(u.config.pause)
	took := now.Sub(started)
	refused, isRefused := errors.AsType[*modbus.Error](err)
	switch {
	case err == nil:
		u.busy = driver.Backoff{}
	case errors.Is(err, driver.ErrUnreachable): // not connected
		return nil, now, err
	case isRefused && exception(refused.ExceptionCode).unreachable():
		return nil, now, l.fails(u, took, exception(refused.ExceptionCode))
	case isRefused:
		err = l.refuses(u, exception(refused.ExceptionCode))
	case errors.Is(ctx.Err(), context.Canceled): // says nothing of the device
		return nil, now, ctx.Err()
	default:
		return nil, now, l.fails(u, took, err)
	}
	l.answers(u)
	return data, now, err
}

// exchange makes a call over the link.
func (l *line) exchange(ctx context.Context, u *unit, c call) ([]byte, error) {
	l.codec.SetSlave(u.config.unit)
	first := true
	return c(modbus.NewClient2(l.codec, transport(func(request []byte) ([]byte, error) {
		if !first {
			if err := sleep(ctx, u.config.pause); err != nil {
				return nil, err
			}
		}
		first = false
		return l.send(ctx, u, request)
	})))
}

func (l *line) unreachable(cause error) error {
	return fmt.Errorf("%w: %s: %w", driver.ErrUnreachable, l.config.address, cause)
}

// sleep waits for some time. The error is the context's.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
