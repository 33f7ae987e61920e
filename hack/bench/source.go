package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"datastub/cloudsvc/load"
	"datastub/dataplane"
)

// sourceDevices take turns in every load.
const sourceDevices = 20

// An outlet is where the messages of a source go in. Publish gives each its
// ID; one goroutine calls it. Run works until ctx ends.
type outlet interface {
	Publish([]dataplane.Message) error
	Run(ctx context.Context) error
}

// runSource is the role of a source: it sends what it is told to.
func runSource(ctx context.Context, s setup, in io.Reader, out io.Writer) error {
	outlet, err := s.outlet()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return outlet.Run(ctx) })
	g.Go(func() error {
		defer stop()
		return s.obey(ctx, outlet, in, json.NewEncoder(out))
	})
	return g.Wait()
}

// obey follows orders until there are no more.
func (s setup) obey(ctx context.Context, outlet outlet, in io.Reader, out *json.Encoder) error {
	var received atomic.Uint64
	source, err := load.NewSource(load.SourceOptions{
		Topic: s.Topic, Devices: sourceDevices, Class: s.Class, Window: s.Window,
		Received: received.Load, Publish: outlet.Publish,
	})
	if err != nil {
		return err
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	sends := make(chan load.Order)
	go func() { // it ends with the input, and that with the process
		defer close(sends)
		defer stop()
		for o := range orders(in) {
			received.Store(max(received.Load(), o.Received))
			if o.Send != nil {
				sends <- *o.Send
			}
		}
	}()
	if err := out.Encode(answer{Ready: true}); err != nil {
		return err
	}
	for o := range sends {
		sent, err := source.Send(sending, o)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("send by %s: %w", s.Kind, err)
		}
		if err := out.Encode(answer{Sent: &sent}); err != nil {
			return err
		}
	}
	return nil
}
