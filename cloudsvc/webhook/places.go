package webhook

import (
	"context"
	"sync"
	"syscall"
)

// maxHostTries is how many tries of one host are made at once: as many as one
// subscription may ask for.
const maxHostTries = 64

// defaultMaxTries returns a sixteenth of the file descriptors that the process
// may have. Connections that are kept for later take as many.
func defaultMaxTries() int {
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil {
		return maxHostTries
	}
	return int(max(4, min(files.Cur, 1<<20)/16))
}

// Places bound how many tries are made at once, so that ten thousand
// subscriptions to a host that hangs leave file descriptors for all else: the
// others wait, and are told in time that its circuit breaker is open. A host has a
// quarter at most.
type places struct {
	all     chan struct{} // holds a token a try
	perHost int

	mu    sync.Mutex
	hosts map[string]*hostPlaces // that somebody tries, or waits for
}

// hostPlaces are those of one host.
type hostPlaces struct {
	taken chan struct{} // holds a token a try
	users int           // who try or wait; with places.mu held
}

func newPlaces(maxTries int) *places {
	return &places{
		all: make(chan struct{}, maxTries), perHost: max(1, min(maxHostTries, maxTries/4)),
		hosts: make(map[string]*hostPlaces),
	}
}

// take waits for a place, until the context ends. The caller gives it back.
func (p *places) take(ctx context.Context, host string) (giveBack func(), err error) {
	h := p.enter(host)
	for _, tokens := range []chan struct{}{h.taken, p.all} {
		select {
		case tokens <- struct{}{}:
		case <-ctx.Done():
			if tokens == p.all {
				<-h.taken
			}
			p.leave(host, h)
			return nil, ctx.Err()
		}
	}
	return func() {
		<-p.all
		<-h.taken
		p.leave(host, h)
	}, nil
}

func (p *places) enter(host string) *hostPlaces {
	p.mu.Lock()
	defer p.mu.Unlock()
	h, known := p.hosts[host]
	if !known {
		h = &hostPlaces{taken: make(chan struct{}, p.perHost)}
		p.hosts[host] = h
	}
	h.users++
	return h
}

func (p *places) leave(host string, h *hostPlaces) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(p.hosts, host)
	}
}
