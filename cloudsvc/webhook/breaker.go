package webhook

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	// breakAfter is how many tries of a host must fail in a row before it is left
	// alone.
	breakAfter = 10
	// breakTime is for how long; then one try is made to find out.
	breakTime = 30 * time.Second
	// minSweep is how many hosts are known before those that work are forgotten.
	minSweep = 1024
)

// errUnknown is how a try went that was broken off: it says nothing of its host.
var errUnknown = errors.New("broken off")

// A BrokenError says that a host is left alone, and nothing was sent.
type BrokenError struct{ Host string }

// Error names the host.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("host %s failed %d times in a row: nothing is sent to it for %v", e.Host, breakAfter, breakTime)
}

// Breakers keep one circuit breaker a host, so that a thousand subscriptions
// to a host that is down do not wait for it a thousand times. They are in
// memory: after a restart each host is tried anew.
type Breakers struct {
	mu    sync.Mutex
	hosts map[string]*gobreaker.TwoStepCircuitBreaker[struct{}]
	sweep int // how many hosts may be known until the next one is looked for to forget
}

// NewBreakers returns breakers that know of no host.
func NewBreakers() *Breakers {
	return &Breakers{hosts: make(map[string]*gobreaker.TwoStepCircuitBreaker[struct{}]), sweep: minSweep}
}

// Enter asks whether a host may be tried, and returns a *BrokenError if not.
// The caller says how the try went, once: nil where the host worked, errUnknown
// where that is not known, any other error where it did not.
func (b *Breakers) Enter(host string) (leave func(error), err error) {
	leave, err = b.of(host).Allow()
	if err != nil {
		return nil, &BrokenError{host}
	}
	return leave, nil
}

// Broken returns how many hosts are left alone, or tried to find out.
func (b *Breakers) Broken() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, known := range b.hosts {
		if known.State() != gobreaker.StateClosed {
			n++
		}
	}
	return n
}

// of returns the breaker of a host.
func (b *Breakers) of(host string) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, ok := b.hosts[host]
	if ok {
		return known
	}
	if len(b.hosts) >= b.sweep {
		b.forget()
	}
	made := gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: host, Timeout: breakTime,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakAfter },
		IsExcluded:  func(err error) bool { return errors.Is(err, errUnknown) },
	})
	b.hosts[host] = made
	return made
}

// forget lets go of the hosts that work. b.mu is held.
func (b *Breakers) forget() {
	for host, known := range b.hosts {
		if known.State() == gobreaker.StateClosed && known.Counts().ConsecutiveFailures == 0 {
			delete(b.hosts, host)
		}
	}
	b.sweep = max(minSweep, 2*len(b.hosts))
}
