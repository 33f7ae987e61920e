package link

import (
	"context"
	"sync"
	"time"
)

// catchUp is how much of its time a line makes up for: timers wake late, by
// more than a packet takes on a fast line.
const catchUp = 10 * time.Millisecond

// A line is one direction of a link, which all connections share.
type line struct {
	buffer int // bytes that may wait in front of it

	mu     sync.Mutex
	rate   int           // bytes a second; 0: no limit
	free   time.Time     // when all that was let on the line has left
	opened chan struct{} // closed while bytes are delivered
	held   bool
}

func newLine(rate, buffer int) *line {
	l := &line{rate: rate, buffer: buffer, opened: make(chan struct{})}
	close(l.opened)
	return l
}

func (l *line) setRate(bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate, l.free = bytes, time.Time{}
}

func (l *line) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.held {
		l.held, l.opened = true, make(chan struct{})
	}
}

// strand holds the line for ever, and returns one to go on with.
func (l *line) strand() *line {
	l.hold()
	l.mu.Lock()
	defer l.mu.Unlock()
	return newLine(l.rate, l.buffer)
}

func (l *line) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held {
		l.held = false
		close(l.opened)
	}
}

// pass waits while the line is held.
func (l *line) pass(ctx context.Context) error {
	l.mu.Lock()
	opened := l.opened
	l.mu.Unlock()
	select {
	case <-opened:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// carry returns when the line will have carried so many bytes, behind all that
// others have given it. It waits while the buffer is full.
func (l *line) carry(ctx context.Context, bytes int) (done time.Time, err error) {
	l.mu.Lock()
	now := time.Now()
	if least := now.Add(-catchUp); l.free.Before(least) {
		l.free = least
	}
	wait := time.Duration(0)
	if l.rate > 0 {
		l.free = l.free.Add(l.takes(bytes))
		wait = l.free.Sub(now) - l.takes(l.buffer)
	}
	if done = l.free; done.Before(now) {
		done = now
	}
	l.mu.Unlock()
	return done, pause(ctx, wait)
}

// takes returns how long the line needs for so many bytes. It is called under
// mu.
func (l *line) takes(bytes int) time.Duration {
	return time.Duration(bytes) * time.Second / time.Duration(l.rate)
}

// pause waits.
func pause(ctx context.Context, length time.Duration) error {
	if length <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
