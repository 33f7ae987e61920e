package modbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"datastub/driver"
)

// maxSilences is how many requests in a row may go unanswered before the
// connection itself is suspected, and made anew.
const maxSilences = 2

// errSilent says that nothing came in time.
var errSilent = errors.New("no answer")

// connect makes the link if there is none. Whoever failed to, nobody tries
// again for some time.
func (l *line) connect(ctx context.Context, u *unit) error {
	if l.link != nil && !l.link.Ready() {
		l.drop()
	}
	if l.link != nil {
		return nil
	}
	inner, cancel := limit(ctx, u.config.timeout)
	defer cancel()
	made, err := l.config.connect(inner, l.options, l.debts)
	switch {
	case err == nil:
		l.link, l.retry, l.silences = made, driver.Backoff{}, 0
		l.connections.Add(1)
		return sleep(ctx, u.config.connectPause)
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case inner.Err() != nil:
		err = fmt.Errorf("no connection: %w", context.Cause(inner))
	}
	l.retry.Fail(l.options.Now(), 0, err, l.options.Rand())
	return l.unreachable(err)
}

// send sends a request of a unit, and returns the answer. The link is gone
// afterwards if it is out of step.
func (l *line) send(ctx context.Context, u *unit, request []byte) (reply []byte, err error) {
	if l.link == nil {
		return nil, errors.New("the connection broke before")
	}
	if err := l.settle(ctx, u); err != nil {
		return nil, err
	}
	started := l.options.Now()
	inner, cancel := limit(ctx, l.patience(u)+l.config.airtime(request))
	defer cancel()
	inTime := l.interruptible(inner, func() { reply, err = l.link.Send(request) })
	now := l.options.Now()
	if !inTime && err != nil {
		err = context.Cause(inner)
	}
	if err == nil {
		l.hears(now.Sub(started))
	}
	if err != nil && !l.config.mode.numbered() && !errors.Is(err, errDamaged) {
		l.debts.owe(u.config.unit, started.Add(2*u.config.timeout+l.config.airtime(request)))
	}
	if err != nil || !inTime {
		l.resume(ctx)
	}
	return reply, err
}

// settle waits until the answer to the next request of a unit cannot be
// mistaken, where the link knows of that.
func (l *line) settle(ctx context.Context, u *unit) (err error) {
	link, ok := l.link.(settler)
	if !ok {
		return nil
	}
	most := l.debts.left(u.config.unit, l.options.Now()) + u.config.timeout
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("bytes keep coming that nobody asked for, for %v", most))
	defer cancel()
	inTime := l.interruptible(ctx, func() { err = link.Settle(u.config.unit) })
	if inTime && err == nil {
		return nil
	}
	if !inTime {
		err = context.Cause(ctx)
	}
	l.resume(ctx)
	return err
}

// interruptible makes a call of the link that ends with the context. It tells
// whether the call ended first.
func (l *line) interruptible(ctx context.Context, call func()) bool {
	link, interrupted := l.link, make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		link.Interrupt()
		close(interrupted)
	})
	call()
	if stop() {
		return true
	}
	<-interrupted // else it might hit the next call
	return false
}

// resume goes on after a call of the link that failed, or drops it. A call that
// was ended for its own sake says nothing of the link.
func (l *line) resume(ctx context.Context) {
	if !errors.Is(ctx.Err(), context.Canceled) {
		l.silences++
	}
	if !l.link.Resume() || l.silences >= maxSilences {
		l.drop()
	}
}

// limit gives one step of a call the time that it may take.
func limit(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, most, fmt.Errorf("%w in %v", errSilent, most.Round(time.Millisecond)))
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
