package modbus

import (
	"context"
	"sync"

	"github.com/grid-x/modbus"
)

// lines are those of a driver that units are open on, by name.
type lines struct {
	mu     sync.Mutex
	byName map[string]*line
}

// open returns a unit on the line that its settings name.
func (ls *lines) open(c config, o Options) *unit {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.byName == nil {
		ls.byName = map[string]*line{}
	}
	l := ls.byName[c.address]
	if l == nil {
		l = newLine(c.address, o)
		ls.byName[c.address] = l
	}
	u := newUnit(c, l)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.units[u] = true // until it turns out
	return u
}

// close closes a unit, and its line after the last.
func (ls *lines) close(u *unit) {
	u.close()
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := u.line
	l.mu.Lock()
	delete(l.units, u)
	left := len(l.units)
	l.mu.Unlock()
	if left == 0 {
		delete(ls.byName, l.name)
		l.close()
	}
}

func newLine(address string, o Options) *line {
	return &line{
		name:    address,
		options: o,
		codec:   modbus.NewTCPClientHandler(address), // of which only the codec is used
		units:   map[*unit]bool{},
		dial: func(ctx context.Context) (link, error) {
			conn, err := o.Dial(ctx, "tcp", address)
			if err != nil {
				return nil, err
			}
			return newMBAP(conn), nil
		},
	}
}
