package modbus

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"datastub/driver"
)

// A unit is one device on a line, and how it has to be treated.
type unit struct {
	name   string // the device's, in messages of others
	config config
	opened time.Time
	lines  *lines
	line   atomic.Pointer[line] // nil while others use its address in another way

	retry driver.Backoff // after it did not answer; the turn's
	busy  driver.Backoff // after it said so; the turn's
	next  time.Time      // when its pause is over; the turn's

	life context.Context // ends with close
	end  context.CancelFunc
	use  sync.RWMutex // held to read by each call
}

func newUnit(name string, c config, opened time.Time, on *lines) *unit {
	u := &unit{name: name, config: c, opened: opened, lines: on}
	u.life, u.end = context.WithCancel(context.Background())
	return u
}

// do makes a call. Its error is an exception if the answer was a refusal.
// Otherwise it wraps driver.ErrUnreachable, or is the context's.
func (u *unit) do(ctx context.Context, want urgency, c call) ([]byte, time.Time, error) {
	u.use.RLock()
	defer u.use.RUnlock()
	if u.life.Err() != nil {
		return nil, time.Time{}, errClosed
	}
	on, err := u.lines.join(u)
	if err != nil {
		return nil, time.Time{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(u.life, cancel)()
	data, at, err := on.do(ctx, u, want, c)
	if u.life.Err() != nil {
		return nil, time.Time{}, errClosed
	}
	return data, at, err
}

// connections returns how many its line has made so far.
func (u *unit) connections() uint64 {
	if on := u.line.Load(); on != nil {
		return on.connections.Load()
	}
	return 0
}

// close ends the calls that are under way, and waits until they have.
func (u *unit) close() {
	u.end()
	u.use.Lock()
	defer u.use.Unlock()
}
