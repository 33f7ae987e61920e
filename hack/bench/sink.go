package main

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"datastub/cloudsvc/load"
)

// tellEvery is how often a sink tells how much it has: far more often than a
// window takes to pass.
const tellEvery = 5 * time.Millisecond

// An inlet is where the messages of a sink come out, each to be added to a
// tally. Run works until ctx ends.
type inlet interface {
	Run(ctx context.Context) error
}

// runSink is the role of a sink: it counts what comes, and tells.
func runSink(ctx context.Context, s setup, in io.Reader, out io.Writer) error {
	tally := load.NewTally()
	inlet, err := s.inlet(ctx, tally)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return inlet.Run(ctx) })
	g.Go(func() error {
		defer stop()
		return tell(ctx, tally, orders(in), json.NewEncoder(out))
	})
	return g.Wait()
}

// tell says how much there is whenever that has changed, and the result
// when it is asked for it.
func tell(ctx context.Context, tally *load.Tally, told <-chan order, out *json.Encoder) error {
	if err := out.Encode(answer{Ready: true}); err != nil {
		return err
	}
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for last := uint64(0); ; {
		var a answer
		select {
		case o, open := <-told:
			if !open {
				return nil
			}
			if o.Cut {
				r := tally.Cut()
				a.Result = &r
			}
		case <-tick.C:
			if a.Received = tally.Received(); a.Received == last {
				continue
			}
			last = a.Received
		case <-ctx.Done():
			return nil
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}
