package cloudsvc

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"datastub/dataplane"
)

func TestSubscriptionWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestDispatcher()
		s := subscribeTo(t, d, "#")
		got := make(chan int)
		go func() {
			for range 2 {
				lines, err := s.Next(t.Context())
				if err != nil {
					t.Error(err)
				}
				got <- len(lines)
			}
		}()
		for block := range uint64(2) {
			synctest.Wait() // until Next waits
			d.Deliver(dataplane.RT, block+1, []dataplane.Message{testMessage("a")}, nil)
			if n := <-got; n != 1 {
				t.Errorf("Next returned %d lines, want 1", n)
			}
		}
	})
}

func TestSubscriptionWaitEnds(t *testing.T) {
	tests := map[string]struct {
		end  func(*Dispatcher, context.CancelFunc)
		want string
	}{
		"context":    {func(_ *Dispatcher, cancel context.CancelFunc) { cancel() }, "context canceled"},
		"dispatcher": {func(d *Dispatcher, _ context.CancelFunc) { d.Close() }, "subscription ended: cloudsvc is shutting down; resume at position "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newTestDispatcher()
				s := subscribeTo(t, d, "#")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan error)
				go func() {
					_, err := s.Next(ctx)
					done <- err
				}()
				synctest.Wait()
				tt.end(d, cancel)
				if err := <-done; err == nil || !strings.HasPrefix(err.Error(), tt.want) {
					t.Errorf("Next: %v, want %s", err, tt.want)
				}
			})
		})
	}
}

func TestSubscriptionClose(t *testing.T) {
	d := newTestDispatcher()
	s, other := subscribeTo(t, d, "#"), subscribeTo(t, d, "#")
	s.Close()
	s.Close()
	d.Deliver(dataplane.RT, 1, []dataplane.Message{testMessage("a")}, nil)
	if got := topics(t, s); got != "" {
		t.Errorf("a closed subscription got %q", got)
	}
	if got := topics(t, other); got != "a" {
		t.Errorf("another one got %q", got)
	}
}

// TestSubscriptionTakesOneLarge: a line alone is never too much, whatever its
// size, or a subscriber could never get it.
func TestSubscriptionTakesOneLarge(t *testing.T) {
	d := newTestDispatcher()
	s := subscribeTo(t, d, "#")
	if !s.enqueue(lines{text: make([]byte, maxQueue+1), count: 1}) {
		t.Error("a large line was refused by an empty queue")
	}
	if s.enqueue(lines{text: []byte("x"), count: 1}) {
		t.Error("a line was taken by a queue that is more than full")
	}
}
