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
		wantBroken(t, b, "down:80")
		try(t, b, "up:80", true)

		time.Sleep(breakTime + time.Second) // the bubble's clock
		try(t, b, "down:80", false)         // the one try that finds out
		wantBroken(t, b, "down:80")

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
	wantBroken(t, b, "down:80")
	if n := b.Broken(); n != 1 {
		t.Errorf("%d hosts are left alone, want 1", n)
	}
}

func try(t *testing.T, b *Breakers, host string, worked bool) {
	t.Helper()
	leave, err := b.Enter(host)
	if err != nil {
		t.Fatalf("Enter(%s): %v", host, err)
	}
	leave(worked)
}

func wantBroken(t *testing.T, b *Breakers, host string) {
	t.Helper()
	_, err := b.Enter(host)
	var broken *BrokenError
	if !errors.As(err, &broken) || broken.Host != host {
		t.Fatalf("Enter(%s): %v, want a *BrokenError", host, err)
	}
}
