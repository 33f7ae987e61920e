package modbus_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver/modbus"
)

var (
	storms = flag.Int("storms", 1, "how many times TestStorm plays in each framing, each with another seed")
	seed   = flag.Uint64("seed", 1, "of TestStorm's first")
)

// stormRequests is how many requests a storm has.
const stormRequests = 2500

// stormUnits are on one line.
const stormUnits = 4

// A storm is a peer that does anything, by chance, to many who share its line.
type storm struct {
	oracle
	driver *modbus.Driver
	faults []fault

	luck   sync.Mutex
	random *rand.Rand
	over   bool // all is well from now on
}

// below returns a random number from 0 to below n.
func (s *storm) below(n int) int {
	s.luck.Lock()
	defer s.luck.Unlock()
	return s.random.IntN(n)
}

func (s *storm) up(to time.Duration) time.Duration { return time.Duration(s.below(int(to))) }

func (s *storm) isOver() bool {
	s.luck.Lock()
	defer s.luck.Unlock()
	return s.over
}

// answer answers half of the requests well.
func (s *storm) answer(x exchange) []step {
	if s.isOver() || s.below(2) == 0 {
		return obey(x)
	}
	f := s.faults[s.below(len(s.faults))]
	for !f.of.has(x.writes()) {
		f = s.faults[s.below(len(s.faults))]
	}
	steps := f.play[s.below(len(f.play))](x)
	if len(steps) > 0 && s.below(4) == 0 {
		steps[0].wait += s.up(3 * timeout)
	}
	return steps
}

// dial fails now and then, at once or never.
func (s *storm) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if !s.isOver() {
		switch s.below(20) {
		case 0:
			return nil, syscall.ECONNREFUSED
		case 1:
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	return s.oracle.dial(ctx, network, address)
}

// anything is an operation of any kind, at any of a few addresses.
func (s *storm) anything() operation {
	op := operations[s.below(len(operations))]
	op.offset += s.below(20)
	return op
}

// weather does anything to a unit until the storm is over. Whatever is done ends
// in time, and well only if it was done.
func (s *storm) weather(t *testing.T, id byte) {
	// All others go first, and each waits for a connection, and an answer.
	const bound = 2 * (stormUnits + 1) * timeout
	u := s.unit(t, s.driver, id)
	for !s.isOver() {
		if s.below(100) == 0 {
			u.shut(t)
			u = s.unit(t, s.driver, id)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		if s.below(10) == 0 {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), s.up(2*timeout))
		}
		began := time.Now()
		err := u.try(ctx, t, s.anything())
		if took := time.Since(began); took > bound {
			t.Errorf("unit %d: %v after %v, want it within %v", id, err, took, bound)
		}
		cancel()
		time.Sleep(s.up(timeout))
		s.end()
	}
	time.Sleep(2 * time.Minute)
	_ = u.try(t.Context(), t, operations[0]) // may meet what is left of the connection
	time.Sleep(time.Minute)
	if err := u.try(t.Context(), t, operations[0]); err != nil {
		t.Errorf("unit %d, after the storm: %v", id, err)
	}
	u.shut(t)
}

// end ends the storm when there were requests enough.
func (s *storm) end() {
	if s.count() >= stormRequests {
		s.luck.Lock()
		defer s.luck.Unlock()
		s.over = true
	}
}

// TestStorm has several units of a line meet all faults by chance, while
// connections fail and devices come and go. No value is wrong, nothing hangs,
// there is one connection, and in the end all is well.
func TestStorm(t *testing.T) {
	t.Parallel()
	for n := range *storms * len(framings) {
		f := framings[n%len(framings)]
		at := *seed + uint64(n)
		t.Run(fmt.Sprintf("%s/%d", f.name, at), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &storm{random: rand.New(rand.NewPCG(at, 0)), faults: f.everyFault()}
				s.oracle = oracle{t: t, framing: f, play: s.answer}
				s.driver = modbus.New(modbus.Options{Dial: s.dial, Rand: func() float64 { return 0 }}.WithPort(s.connect))
				var all sync.WaitGroup
				for id := range byte(stormUnits) {
					all.Go(func() { s.weather(t, id+1) })
				}
				all.Wait()
				s.checkConnections(t, 1)
				time.Sleep(time.Hour) // the peer has said all
			})
		})
	}
}
