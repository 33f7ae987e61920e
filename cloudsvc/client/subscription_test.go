package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"datastub/cloudsvc/client/clienttest"
	"datastub/dataplane"
)

var errDone = errors.New("done")

// TestSubscriptionOutlivesTheServer restarts the server while a subscription
// runs.
func TestSubscriptionOutlivesTheServer(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	c := newClient(t, server.URL)
	ctx := testContext(t)
	notices := make(chan Notice, 100) // more than a restart of this test makes
	events := make(chan Event, 2)
	subscription, err := NewSubscription(SubscriptionOptions{
		Client: c, Filter: "a",
		Backoff: func(int) time.Duration { return time.Millisecond },
		Notify: func(n Notice) {
			select {
			case notices <- n:
			default: // the server is slow to come back
			}
		},
		Handle: func(e Event) error {
			events <- e
			if n, _ := e.Value.Int64(); n == 2 {
				return errDone
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- subscription.Run(ctx) }()

	if n := <-notices; n.Err != nil || n.Again {
		t.Errorf("first notice %+v", n)
	}
	publish(t, c, 1)
	<-events
	server.Stop()
	var end *Problem
	if n := <-notices; !errors.As(n.Err, &end) || end.Type != StreamEnded || n.Wait != time.Millisecond {
		t.Errorf("notice of the end %+v", n)
	}
	clienttest.Start(t, strings.TrimPrefix(server.URL, "http://"))
	for n := range notices {
		if n.Again {
			break
		}
	}
	publish(t, c, 2)
	if err := <-ended; !errors.Is(err, errDone) {
		t.Errorf("Run: %v, want Handle's error", err)
	}
}

func publish(t *testing.T, c *Client, n int64) {
	t.Helper()
	if _, err := c.Publish(testContext(t), dataplane.Message{Topic: "a", Value: dataplane.IntValue(n)}); err != nil {
		t.Fatal(err)
	}
}

func TestSubscriptionEndsWithContext(t *testing.T) {
	for _, name := range []string{"streaming", "waiting"} {
		t.Run(name, func(t *testing.T) {
			server := clienttest.Start(t, "127.0.0.1:0")
			ctx, cancel := context.WithCancel(testContext(t))
			subscription, err := NewSubscription(SubscriptionOptions{
				Client: newClient(t, server.URL), Filter: "a",
				Backoff: func(int) time.Duration { return time.Hour },
				Handle:  func(Event) error { return nil },
				Notify: func(n Notice) {
					if (n.Err != nil) == (name == "waiting") {
						cancel()
						return
					}
					server.Stop()
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := subscription.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Run: %v, want context.Canceled", err)
			}
		})
	}
}

func TestSubscriptionRefused(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	subscription, err := NewSubscription(SubscriptionOptions{
		Client: newClient(t, server.URL), Filter: "a//b", Handle: func(Event) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	var p *Problem
	if err := subscription.Run(testContext(t)); !errors.As(err, &p) || p.Status != 400 {
		t.Errorf("Run: %v, want what cloudsvc refused", err)
	}
	if _, err := NewSubscription(SubscriptionOptions{}); err == nil {
		t.Error("options that lack everything were taken")
	}
}

func TestBackoff(t *testing.T) {
	for attempt, most := range map[int]time.Duration{
		1: 250 * time.Millisecond, 2: 500 * time.Millisecond, 6: 8 * time.Second, 7: 10 * time.Second, 1000: 10 * time.Second,
	} {
		for range 100 {
			if wait := Backoff(attempt); wait < most/2 || wait >= most {
				t.Fatalf("Backoff(%d) = %v, want from %v to %v", attempt, wait, most/2, most)
			}
		}
	}
}
