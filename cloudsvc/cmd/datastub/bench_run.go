package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"datastub/cloudsvc/load"
	"datastub/dataplane"
)

const (
	// benchWindow is the most messages that are on their way: fewer than the
	// subscription's queue holds.
	benchWindow = 32_768
	// benchIdle is how long nothing may arrive before what has not is missing.
	benchIdle = 10 * time.Second
	benchTick = 20 * time.Millisecond
)

// benchRun is a benchmark that runs.
type benchRun struct {
	class   dataplane.Class
	topic   string
	node    string
	devices int
	order   load.Order
	tally   *load.Tally
	sink    *load.Sink // given back by run
	meter   *load.Meter
}

// run has all parts work until what was sent has arrived, or nothing more
// does.
func (b *benchRun) run(ctx context.Context) (*benchResult, error) {
	publisher, err := load.NewPublisher(b.meter.Endpoint(), b.node, klog.Logger{})
	if err != nil {
		b.sink.Close()
		return nil, err
	}
	source, err := load.NewSource(load.SourceOptions{
		Topic: b.topic, Devices: b.devices, Class: b.class, Window: benchWindow,
		Received: b.tally.Received, Publish: publisher.Publish,
	})
	if err != nil {
		b.sink.Close()
		publisher.Close()
		return nil, err
	}
	g, running := errgroup.WithContext(ctx)
	parts, stop := context.WithCancel(running)
	defer stop()
	metering, endMeter := context.WithCancel(context.WithoutCancel(ctx)) // until the publisher has said goodbye
	g.Go(func() error { return b.meter.Run(metering) })
	g.Go(func() error {
		defer endMeter()
		return publisher.Run(parts)
	})
	g.Go(func() error { return b.sink.Run(parts) })
	var sent load.Sent
	g.Go(func() (err error) {
		defer stop()
		if sent, err = source.Send(parts, b.order); err != nil {
			return err
		}
		return b.arrive(parts, sent.Count)
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return b.result(sent), nil
}

// arrive waits for as many messages, or until nothing has come for benchIdle.
func (b *benchRun) arrive(ctx context.Context, want uint64) error {
	tick := time.NewTicker(benchTick)
	defer tick.Stop()
	last, since := uint64(0), time.Now()
	for {
		received := b.tally.Received()
		if received != last {
			last, since = received, time.Now()
		}
		if received >= want || time.Since(since) > benchIdle {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *benchRun) result(sent load.Sent) *benchResult {
	got := b.tally.Cut()
	up, _ := b.meter.Bytes()
	r := &benchResult{
		Class: b.class, Topic: b.topic, Sent: sent.Count, Received: got.Received,
		Missing:    sent.Count - min(got.Received-got.Duplicates, sent.Count),
		Duplicates: got.Duplicates, OutOfOrder: got.OutOfOrder,
		P50: seconds(got.P50), P99: seconds(got.P99), Max: seconds(got.Max),
	}
	if took := got.Last.Sub(sent.Began).Seconds(); got.Received > 0 && took > 0 {
		r.Rate = float64(got.Received) / took
	}
	if sent.Count > 0 {
		r.BytesPerValue = float64(up) / float64(sent.Count)
	}
	return r
}
