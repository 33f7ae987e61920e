package dmi

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
)

func TestPacerReserves(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	p := newPacer(func() time.Time { return now })
	takeAll := func(k kind) (taken int) {
		for p.take(k) == 0 {
			taken++
		}
		return taken
	}
	for _, step := range []struct {
		name string
		pass time.Duration
		kind kind
		want int
	}{
		{"nothing to spare at the start", 0, forRefresh, 0},
		{"twins leave 30", 0, forTwins, 20},
		{"and have to wait", 0, forTwins, 0},
		{"states leave 15", 0, forState, 15},
		{"registrations take all", 0, forRegistration, 15},
		{"one comes a second", 5 * time.Second, forRegistration, 4},
		{"up to 90", time.Hour, forRefresh, 30},
		{"the rest is for what changes", 0, forTwins, 30},
	} {
		now = now.Add(step.pass)
		if got := takeAll(step.kind); got != step.want {
			t.Errorf("%s: took %d, want %d", step.name, got, step.want)
		}
	}
	after := p.take(forRefresh)
	now = now.Add(after - time.Millisecond)
	if p.take(forRefresh) == 0 {
		t.Errorf("a token before %v", after)
	}
	now = now.Add(time.Millisecond)
	if again := p.take(forRefresh); again != 0 {
		t.Errorf("no token after %v, but after %v more", after, again)
	}
}

func TestPacerRefused(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	p := newPacer(func() time.Time { return now })
	now = now.Add(time.Hour)
	p.refused()
	for k, want := range map[kind]time.Duration{forRegistration: 1, forState: 16, forTwins: 31, forRefresh: 61} {
		if got, want := p.take(k), want*time.Second*100/99; got.Round(time.Millisecond) != want.Round(time.Millisecond) {
			t.Errorf("kind %d waits %v, want %v", k, got, want)
		}
	}
}

func TestPacerWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(time.Now)
		p.refused()
		start := time.Now()
		if err := p.wait(t.Context(), forTwins); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start).Round(time.Second); took != 31*time.Second {
			t.Errorf("waited %v, want 31s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if err := p.wait(ctx, forTwins); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// Whatever is asked for and when, EdgeCore's own limiter refuses nothing.
func TestPacerIsNeverRefused(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		now := time.Unix(1, 0)
		p, limiter := newPacer(func() time.Time { return now }), newLimiter()
		for taken := 0; taken < 5000; {
			now = now.Add(time.Duration(random.ExpFloat64() * float64(time.Second) * random.Float64() * 3))
			if p.take(kind(random.IntN(4))) > 0 {
				continue
			}
			taken++
			// It arrives a little later, and nothing before the one before it.
			now = now.Add(time.Duration(random.IntN(int(time.Millisecond))))
			if !limiter.AllowN(now, 1) {
				t.Fatalf("seed %d: request %d is refused at %v", seed, taken, now)
			}
		}
	}
}

// newLimiter returns what EdgeCore limits its requests with.
func newLimiter() *rate.Limiter { return rate.NewLimiter(rate.Every(1000*time.Millisecond), 100) }
