package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// The waits between two attempts to connect: doubled each time.
const (
	firstWait = 250 * time.Millisecond
	lastWait  = 10 * time.Second
)

// SubscriptionOptions describe a Subscription. Client, Filter and Handle are
// required.
type SubscriptionOptions struct {
	Client *Client
	Filter string

	Start Start // where the first stream begins
	// Handle gets each message, one after the other. An error of it ends the
	// subscription. While it runs, messages wait in cloudsvc.
	Handle func(Event) error
	// Notify gets what happens to the connection. Optional.
	Notify func(Notice)

	// Backoff returns the wait before an attempt, from 1. Backoff, the
	// function, unless set.
	Backoff func(attempt int) time.Duration
}

// A Notice tells what happened to a Subscription's connection.
type Notice struct {
	// Err is why there is no stream, nil when there is one (again).
	Err error
	// Wait is the time to the next attempt.
	Wait time.Duration
	// Again is set when the stream is back after an interruption. It goes on
	// where it broke off.
	Again bool
}

// A Subscription streams messages for as long as it is wanted: when its
// stream ends it opens a new one behind the last message that was handled.
// Nothing is missing and nothing comes twice; what cloudsvc itself does not have
// any more is told by a message of dataplane.GapTopic.
type Subscription struct{ options SubscriptionOptions }

// NewSubscription checks the options.
func NewSubscription(options SubscriptionOptions) (*Subscription, error) {
	if options.Client == nil || options.Filter == "" || options.Handle == nil {
		return nil, errors.New("subscription options: Client, Filter and Handle are required")
	}
	if options.Notify == nil {
		options.Notify = func(Notice) {}
	}
	if options.Backoff == nil {
		options.Backoff = Backoff
	}
	return &Subscription{options}, nil
}

// Backoff returns a random wait that grows with the attempts since the last
// stream, to 10 s at most.
func Backoff(attempt int) time.Duration {
	wait := lastWait
	if attempt < 8 { // further doublings would only be cut
		wait = min(lastWait, firstWait<<(attempt-1))
	}
	return wait/2 + rand.N(wait/2)
}

// Run streams until the context ends, Handle returns an error, or cloudsvc
// refuses for good, and returns which. When the very first attempt fails it
// returns that too: the server's URL may well be wrong.
func (s *Subscription) Run(ctx context.Context) error {
	stream, err := s.options.Client.SubscribeFrom(ctx, s.options.Filter, s.options.Start)
	if err != nil {
		return err
	}
	s.options.Notify(Notice{})
	for {
		end, err := s.read(stream)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if stream, err = s.reopen(ctx, Start{After: stream.Position()}, end); err != nil {
			return err
		}
	}
}

// read handles a stream's events and closes it. It returns why the stream
// ended, or Handle's error.
func (s *Subscription) read(stream *Stream) (end, err error) {
	defer func() { _ = stream.Close() }() // it was read to its end, or nobody wants the rest
	for {
		event, end := stream.Next()
		if end != nil {
			return end, nil
		}
		if err := s.options.Handle(event); err != nil {
			return nil, err
		}
	}
}

// reopen waits and connects until there is a stream again.
func (s *Subscription) reopen(ctx context.Context, start Start, cause error) (*Stream, error) {
	for attempt := 1; ; attempt++ {
		wait := s.options.Backoff(attempt)
		s.options.Notify(Notice{Err: cause, Wait: wait})
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		stream, err := s.options.Client.SubscribeFrom(ctx, s.options.Filter, start)
		var refused *Problem
		switch {
		case err == nil:
			s.options.Notify(Notice{Again: true})
			return stream, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, &refused) && !refused.Temporary():
			return nil, err
		}
		cause = err
	}
}
