package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"datastub/cloudsvc/load"
)

const (
	crowdAll   = 10_000 // subscriptions
	crowdMatch = 10     // of which so many match
	crowdRate  = 100    // messages a second, for each of these
	crowdTime  = 8 * time.Second
	// crowdMost is how many times as much of the processors the others may cost.
	crowdMost = 1.5
	// crowdMakers make subscriptions at once.
	crowdMakers = 8
)

// crowd is what subscriptions cost that match nothing: the same messages go
// through a cloudsvc with many of them and through one with none.
func (b *bench) crowd(ctx context.Context) (err error) {
	few, stopFew, err := b.programs.crowdPath(ctx, "10_subscriptions", 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopFew()) }()
	many, stopMany, err := b.programs.crowdPath(ctx, "10000_subscriptions", crowdAll-crowdMatch)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopMany()) }()
	got, err := b.rounds(ctx, throughputWarmUp, load.Order{For: crowdTime, Rate: crowdRate}, many, few)
	if err != nil {
		return err
	}
	carried := fmt.Sprintf("%d messages a second to each of %d subscriptions; %d others match nothing", crowdRate, crowdMatch, crowdAll-crowdMatch)
	cpu := func(o outcome) float64 { return float64(o.Usage[0].CPU.Microseconds()) / float64(o.Received) }
	memory := func(o outcome) float64 { return float64(o.Usage[0].MaxRSS) / (1 << 20) }
	f := newFigure("webhook_cpu_per_delivery", "us", lower, carried, got.side(many, cpu), got.side(few, cpu))
	b.add(f)
	b.add(newFigure("webhook_rss", "MiB", lower, carried, got.side(many, memory), got.side(few, memory)))
	if f.Ratio > crowdMost {
		return fmt.Errorf("a delivery costs %s times as much beside subscriptions that match nothing: want %v times at most", number(f.Ratio), crowdMost)
	}
	return nil
}

// crowdPath is a cloudsvc of its own, with subscriptions that match nothing beside
// those that do.
func (p *programs) crowdPath(ctx context.Context, name string, others int) (_ *path, stop func() error, err error) {
	c, err := p.startCloud(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	stop = func() error { return c.cloudsvc.Stop(stopTime) }
	defer func() {
		if err != nil {
			err = errors.Join(err, stop())
		}
	}()
	if err := c.subscribeOthers(ctx, others); err != nil {
		return nil, nil, err
	}
	way, err := p.hookPath(ctx, &c, name, crowdMatch)
	if err != nil {
		return nil, nil, err
	}
	return way, func() error { return errors.Join(way.stop(), c.cloudsvc.Stop(stopTime)) }, nil
}

// subscribeOthers makes subscriptions to topics that nobody publishes at.
func (c *cloud) subscribeOthers(ctx context.Context, count int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(crowdMakers)
	for n := range count {
		g.Go(func() error {
			_, err := subscribe(ctx, c.http, fmt.Sprintf("hall-10/boiler/other-%d", n), "http://127.0.0.1:9/discard", 1)
			return err
		})
	}
	return g.Wait()
}
