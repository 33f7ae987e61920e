package modbus

import (
	"context"
	"sync"
	"time"
)

// A unit is one device on a line, and how it has to be treated.
type unit struct {
	id      byte
	timeout time.Duration
	line    *line
	retry   backoff // the turn's

	life context.Context // ends with close
	end  context.CancelFunc
	use  sync.RWMutex // held to read by each call
}

func newUnit(c config, on *line) *unit {
	u := &unit{id: c.unit, timeout: c.timeout, line: on}
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(u.life, cancel)()
	data, at, err := u.line.do(ctx, u, want, c)
	if u.life.Err() != nil {
		return nil, time.Time{}, errClosed
	}
	return data, at, err
}

// close ends the calls that are under way, and waits until they have.
func (u *unit) close() {
	u.end()
	u.use.Lock()
	defer u.use.Unlock()
}
