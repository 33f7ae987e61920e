package load

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"datastub/cloudsvc/client"
	"datastub/cloudsvc/client/clienttest"
	"datastub/dataplane"
)

// TestSink takes what a real API delivers, and ends with its context.
func TestSink(t *testing.T) {
	t.Parallel()
	server := clienttest.Start(t, "127.0.0.1:0")
	tally := NewTally()
	s, err := NewSink(t.Context(), server.URL, topic, tally)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	c, err := client.New(client.Options{Server: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		if _, err := c.Publish(t.Context(), dataplane.Message{Topic: topic, Value: dataplane.FloatValue(1)}); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for tally.Received() < 3 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("received %d, want 3", tally.Received())
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := tally.Cut(); got.Received != 3 || got.Missing != 0 {
		t.Errorf("got %+v, want 3 and none missing", got)
	}
}

// TestSinkEnds with the words of the server that ends the stream.
func TestSinkEnds(t *testing.T) {
	t.Parallel()
	server := clienttest.Start(t, "127.0.0.1:0")
	s, err := NewSink(t.Context(), server.URL, "#", NewTally())
	if err != nil {
		t.Fatal(err)
	}
	server.Stop()
	var said *client.Problem
	if err := s.Run(t.Context()); !errors.As(err, &said) || said.Type != client.StreamEnded {
		t.Errorf("got %v, want what the server said", err)
	}
}

func TestNewSinkIsRefused(t *testing.T) {
	t.Parallel()
	server := clienttest.Start(t, "127.0.0.1:0")
	_, err := NewSink(t.Context(), server.URL, "a//b", NewTally())
	if err == nil || !strings.Contains(err.Error(), "400 Bad Request") || !strings.Contains(err.Error(), "empty level") {
		t.Errorf("got %v", err)
	}
}
