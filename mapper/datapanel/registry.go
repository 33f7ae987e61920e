package datapanel

import (
	"fmt"
	"sync"

	"datastub/mapper"
)

// A registry holds the one link of a process, and which hook publishes at
// which address. The link outlives its last hook: a device that is updated
// closes its hooks and opens others, and what waits for cloudsvc must not be
// lost by that.
type registry struct {
	open func(settings, *mapper.Tally) (publisher, error)

	mu     sync.Mutex
	link   *link // nil: none was asked for
	owners map[string]*Hook
}

// shared is the registry of the process: mapper-framework makes hooks one by
// one and has no place for what they share.
var shared = newRegistry(openPublisher)

func newRegistry(open func(settings, *mapper.Tally) (publisher, error)) *registry {
	return &registry{open: open, owners: make(map[string]*Hook)}
}

// Close delivers what the data plane of this process has accepted, for 4 s at
// most, and ends it. What was not delivered is lost, and counted in the last
// log line. A mapper calls it when its devices are stopped, before it exits.
func Close() error { return shared.close() }

// take returns the link with the settings, opened if need be. It is to be
// given back with drop. While an older link delivers what it has, take waits.
func (r *registry) take(s settings) (*link, error) {
	for {
		l, older, err := r.tryTake(s)
		if older == nil {
			return l, err
		}
		<-older.done
	}
}

// tryTake returns the link, or an older one that has to end before.
func (r *registry) tryTake(s settings) (l, older *link, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.link == nil || r.link.ended():
		// Under the lock, so that two hooks do not open two: nothing is dialled.
		tally := new(mapper.Tally)
		p, err := r.open(s, tally)
		if err != nil {
			return nil, nil, fmt.Errorf("open the data plane as %v: %w", s, err)
		}
		r.link = newLink(s, p, tally)
	case r.link.stopping():
		return nil, r.link, nil
	case r.link.settings == s:
	case r.link.hooks == 0: // nobody is left who wants the older settings
		r.link.stop()
		return nil, r.link, nil
	default:
		return nil, nil, fmt.Errorf("want the data plane as %v, but other properties have it as %v: a process has one", s, r.link.settings)
	}
	r.link.hooks++
	return r.link, nil, nil
}

// drop gives a link back.
func (r *registry) drop(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.hooks--
}

// close stops the link and waits until it has ended.
func (r *registry) close() error {
	r.mu.Lock()
	l := r.link
	r.mu.Unlock()
	if l == nil {
		return nil
	}
	l.stop()
	<-l.done
	return l.err
}

// own gives a hook an address, <namespace>/<topic>/<device>, unless another
// property's has it. A newer hook of the same property takes it over: it is
// that of the device after an update.
func (r *registry) own(address string, h *Hook) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if owner := r.owners[address]; owner != nil && owner.property() != h.property() {
		return fmt.Errorf("property %q publishes at %s already: give each property its own topic", owner.property(), address)
	}
	r.owners[address] = h
	return nil
}

// disown takes the address from a hook that has it.
func (r *registry) disown(address string, h *Hook) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.owners[address] == h {
		delete(r.owners, address)
	}
}
