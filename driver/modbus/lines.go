package modbus

import (
	"fmt"
	"sync"

	"datastub/driver"
)

// lines are those of a driver that units are open on, by address.
type lines struct {
	options Options

	mu        sync.Mutex
	byAddress map[string]*line
	owed      map[string]debts // of lines that were closed in debt: what comes late, comes to the next
}

func newLines(o Options) *lines {
	return &lines{options: o, byAddress: map[string]*line{}, owed: map[string]debts{}}
}

// open returns a unit, on the line that its settings name if it can be.
func (ls *lines) open(name string, c config) *unit {
	u := newUnit(name, c, ls.options.Now(), ls)
	_, _ = ls.join(u) // its calls tell
	return u
}

// join returns a unit's line. One address can be used in one way at a time: a
// unit that wants another waits until those before it are gone.
func (ls *lines) join(u *unit) (*line, error) {
	if l := u.line.Load(); l != nil {
		return l, nil
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	c := u.config.line
	l := ls.byAddress[c.address]
	if l == nil {
		l = newLine(c, ls.options, ls.owed[c.address])
		delete(ls.owed, c.address)
		ls.byAddress[c.address] = l
	}
	if l.config != c {
		return nil, fmt.Errorf("%w: %s: device %s uses it as %v, not as %v",
			driver.ErrUnreachable, c.address, l.anyone(), l.config, c)
	}
	l.add(u)
	u.line.Store(l)
	return l, nil
}

// close closes a unit, and its line after the last.
func (ls *lines) close(u *unit) {
	u.close()
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := u.line.Load()
	if l != nil && l.remove(u) == 0 {
		delete(ls.byAddress, l.config.address)
		if len(l.debts) > 0 {
			ls.owed[l.config.address] = l.debts
		}
		l.close()
	}
}
