package webhook

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestBreakerLeavesHostAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBreakers()
		for n := range breakAfter {
			try(t, b, "down:80", n == 0) // what worked before does not count
			try(t, b, "up:80", n%2 == 0)
		}
		try(t, b, "down:80", false)
		wantBroken(t, b)
		try(t, b, "up:80", true)

		time.Sleep(breakTime + time.Second) // the bubble's clock
		try(t, b, "down:80", false)         // the one try that finds out
		wantBroken(t, b)

		time.Sleep(breakTime + time.Second)
		try(t, b, "down:80", true)
		for range breakAfter - 1 {
			try(t, b, "down:80", false)
		}
		try(t, b, "down:80", true)
	})
}

func TestBreakersForgetHosts(t *testing.T) {
	t.Parallel()
	b := NewBreakers()
	for range breakAfter {
		try(t, b, "down:80", false)
	}
	for n := range 3 * minSweep {
		try(t, b, fmt.Sprintf("up-%d:80", n), true)
	}
	if n := len(b.hosts); n > minSweep {
		t.Errorf("%d hosts are known, want %d at most", n, minSweep)
	}
	wantBroken(t, b)
	if n := b.Broken(); n != 1 {
		t.Errorf("%d hosts are left alone, want 1", n)
	}
}

// A try that was broken off says nothing of its host, be it the one that is to
// find out how that is: the next one finds out.
func TestBreakerIgnoresWhatWasBrokenOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBreakers()
		for range breakAfter - 1 {
			try(t, b, "down:80", false)
			enter(t, b, "down:80")(errUnknown)
		}
		try(t, b, "down:80", false)
		wantBroken(t, b)

		time.Sleep(breakTime + time.Second)
		for range 3 {
			leave := enter(t, b, "down:80")
			wantBroken(t, b) // there is one that finds out
			leave(errUnknown)
		}
		enter(t, b, "down:80")(nil)
		for range breakAfter {
			enter(t, b, "down:80")
		}
	})
}

// What began before a host was left alone, and ends behind it, changes nothing.
func TestBreakerIgnoresLateEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBreakers()
		worked, failed := enter(t, b, "down:80"), enter(t, b, "down:80")
		for range breakAfter {
			try(t, b, "down:80", false)
		}
		worked(nil)
		wantBroken(t, b)
		time.Sleep(breakTime + time.Second)
		leave := enter(t, b, "down:80")
		failed(errors.New("too late"))
		leave(nil)
		try(t, b, "down:80", true)
	})
}

func try(t *testing.T, b *Breakers, host string, worked bool) {
	t.Helper()
	leave := enter(t, b, host)
	if worked {
		leave(nil)
	} else {
		leave(errors.New("as the test wants"))
	}
}

func enter(t *testing.T, b *Breakers, host string) (leave func(error)) {
	t.Helper()
	leave, err := b.Enter(host)
	if err != nil {
		t.Fatalf("Enter(%s): %v", host, err)
	}
	return leave
}

func wantBroken(t *testing.T, b *Breakers) {
	t.Helper()
	const host = "down:80"
	_, err := b.Enter(host)
	var broken *BrokenError
	if !errors.As(err, &broken) || broken.Host != host {
		t.Fatalf("Enter(%s): %v, want a *BrokenError", host, err)
	}
}
