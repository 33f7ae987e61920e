package webhook

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// TestPlaces has more come than there are places: they wait, a host's never take
// all of them, and who leaves lets the next one in.
func TestPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces(8)
		ctx, cancel := context.WithCancel(t.Context())
		in, broken := make(chan func(), 100), make(chan error, 100)
		come := func(host string, n int) {
			for range n {
				go func() {
					if giveBack, err := p.take(ctx, host); err != nil {
						broken <- err
					} else {
						in <- giveBack
					}
				}()
			}
			synctest.Wait()
		}
		for _, step := range []struct {
			host    string
			come    int
			inAfter int
		}{{"a", 5, 2}, {"b", 2, 4}, {"c", 2, 6}, {"d", 2, 8}, {"e", 1, 8}} {
			if come(step.host, step.come); len(in) != step.inAfter {
				t.Fatalf("after %d of host %s %d are in, want %d", step.come, step.host, len(in), step.inAfter)
			}
		}
		(<-in)() // of host a
		if synctest.Wait(); len(in) != 8 {
			t.Errorf("after one has left %d are in, want 8", len(in))
		}
		cancel()
		if synctest.Wait(); len(broken) != 3 || !errors.Is(<-broken, context.Canceled) {
			t.Errorf("%d more were broken off, want 3", len(broken))
		}
		for range 8 {
			(<-in)()
		}
		if len(p.all) != 0 || len(p.hosts) != 0 {
			t.Errorf("%d places are taken, and %d hosts known, when all have left", len(p.all), len(p.hosts))
		}
	})
}
