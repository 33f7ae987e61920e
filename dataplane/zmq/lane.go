package zmq

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	zmq "github.com/pebbe/zmq4"
	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// drainRetry is the wait between two dials of a publisher that is stopping.
const drainRetry = 200 * time.Millisecond

// lane keeps one lane's connection to cloudsvc: it dials, lets a Sender
// speak, and after each end waits and dials again.
type lane struct {
	zctx     *zmq.Context
	endpoint string
	options  uplink.SenderOptions
	waker    *waker
	kept     func() bool // what is held outlives the process
	log      klog.Logger
	random   func(n int64) int64 // from 0 to n-1: jitter, but in tests
	other    *lane
	hurry    chan struct{} // holds one token once the other lane has come through
	compared func()        // called when the clocks were compared; nil: they are not

	connected atomic.Bool
	dials     atomic.Uint64
	news      atomic.Bool    // a report is to go at once
	stored    dataplane.Mark // the last mark of a Sender that ended
	told      string         // the last reason logged, so that a repeated one is not
}

// run works until ctx ends and all is delivered, or until giveUp ends. The RT
// lane dials at once, as it makes the publisher known; BT when it is needed.
func (l *lane) run(ctx, giveUp context.Context) error {
	defer l.waker.close()
	if l.options.Lane == dataplane.BT {
		if some, err := l.needed(ctx); err != nil || !some {
			return err
		}
	}
	for failures := 0; ; failures++ {
		select {
		case <-l.hurry: // it is dialled now
		default:
		}
		streamed, err := l.connect(ctx, giveUp)
		if err == nil {
			return nil
		}
		if streamed {
			failures = 0
		}
		var end *uplink.EndError
		wait, hurry := backoff(failures, l.random), l.hurry
		if errors.As(err, &end) && end.RetryAfter > 0 {
			wait, hurry = end.RetryAfter, nil
		}
		l.tell(err)
		if !l.pause(ctx, giveUp, wait, hurry) {
			return nil
		}
	}
}

// reportNow has a report sent at once, where there is a session.
func (l *lane) reportNow() {
	l.news.Store(true)
	l.waker.wake()
}

// up notes that cloudsvc has granted a session. The other lane need not wait
// any longer to find that out for itself.
func (l *lane) up() {
	l.connected.Store(true)
	l.told = ""
	l.log.Info("Uplink is up", "lane", l.options.Lane, "cloudsvc", l.endpoint)
	select {
	case l.other.hurry <- struct{}{}:
	default: // it has been told
	}
}

// pause waits before the next dial, or until there is reason to hurry. It
// returns false if there is to be none.
// When ctx ends there is not the time for a back-off any more: what is held is
// tried at once, and then every drainRetry; or not at all where it outlives the
// process.
func (l *lane) pause(ctx, giveUp context.Context, wait time.Duration, hurry <-chan struct{}) bool {
	if ctx.Err() != nil {
		if l.kept() {
			return false
		}
		ctx, wait = giveUp, min(wait, drainRetry)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-hurry:
	case <-ctx.Done():
	}
	return giveUp.Err() == nil && (ctx.Err() == nil || l.undelivered() > 0 && !l.kept())
}

// needed waits for the lane's first record, unless cloudsvc may have to be told
// how an epoch before this start ended. It returns false if there was none until
// ctx ended.
func (l *lane) needed(ctx context.Context) (bool, error) {
	unhook := context.AfterFunc(ctx, l.waker.wake)
	defer unhook()
	poller := zmq.NewPoller()
	poller.Add(l.waker.receive, zmq.POLLIN)
	for {
		if l.undelivered() > 0 {
			return true, nil
		}
		if ctx.Err() != nil {
			return false, nil
		}
		if len(l.options.Queue.Held()) > 1 {
			return true, nil
		}
		if _, err := poller.Poll(-1); err != nil {
			return false, fmt.Errorf("poll for the first %v record: %w", l.options.Lane, err)
		}
		l.waker.woken()
	}
}

// tell logs why a connection ended, unless the last one ended alike.
func (l *lane) tell(err error) {
	if reason := err.Error(); reason != l.told {
		l.told = reason
		l.log.Info("Uplink is down; records are kept and sent when it is back", "lane", l.options.Lane, "cloudsvc", l.endpoint, "reason", reason)
	}
}

// connect makes one connection and stays with it. It returns nil when the
// work is done, and otherwise why it ended and whether it ever streamed.
func (l *lane) connect(ctx, giveUp context.Context) (streamed bool, err error) {
	c, err := l.dial()
	if err != nil {
		return false, err
	}
	defer c.close()
	// Both contexts are looked at after each poll.
	defer context.AfterFunc(ctx, l.waker.wake)()
	defer context.AfterFunc(giveUp, l.waker.wake)()
	defer l.connected.Store(false)
	defer l.options.Counts.Ended()
	defer l.options.Pacer.Ended(l.options.Lane)
	if err = c.converse(ctx, giveUp); err != nil && !c.reached {
		err = c.unreached()
	}
	if c.sender.Streaming() {
		l.stored = c.sender.Stored()
	}
	return c.sender.Streaming(), err
}

// undelivered returns how many accepted records cloudsvc is not known to have
// stored, not counting what a connection that is open has brought.
func (l *lane) undelivered() int { return l.options.Queue.Left(l.stored) }
