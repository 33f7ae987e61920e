package link

import (
	"context"
	"sync"
	"time"
)

// A line is one direction of a link, which all connections share.
type line struct {
	mu     sync.Mutex
	rate   int           // bytes a second; 0: no limit
	free   time.Time     // when all that was let on the line has left
	opened chan struct{} // closed while bytes are delivered
	held   bool
}

func newLine(rate int) *line {
	l := &line{rate: rate, opened: make(chan struct{})}
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
	return newLine(l.rate)
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

// carry waits until the line has carried so many bytes, behind all that others
// have given it.
func (l *line) carry(ctx context.Context, bytes int) error {
	l.mu.Lock()
	now := time.Now()
	if l.free.Before(now) {
		l.free = now
	}
	if l.rate > 0 {
		l.free = l.free.Add(time.Duration(bytes) * time.Second / time.Duration(l.rate))
	}
	wait := l.free.Sub(now)
	l.mu.Unlock()
	return pause(ctx, wait)
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
