package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"datastub/cloudsvc/load"
)

const (
	// besideReceivers work, and two more do not.
	besideReceivers = 98
	besideRate      = 20 // messages a second, for each receiver
	besideTime      = 5 * time.Second
	besideInFlight  = 64 // what a subscription may ask for at most: those that do not work have it
	// besideMost is how many times as long the p99 may be beside those two.
	besideMost = 2
)

// beside is how long messages take to receivers that work while one hangs and
// one always fails, and while these are not there.
func (b *bench) beside(ctx context.Context) (err error) {
	p := b.programs
	hooks, err := p.hookPath(ctx, &p.cloud, "datastub_webhook", besideReceivers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hooks.stop()) }()
	var alone, accompanied []outcome
	for range rounds {
		out, err := hooks.measure(ctx, latencyWarmUp, load.Order{For: besideTime, Rate: besideRate})
		if err != nil {
			return err
		}
		alone = append(alone, out)
		if out, err = b.besideBroken(ctx, hooks); err != nil {
			return err
		}
		accompanied = append(accompanied, out)
	}
	carried := fmt.Sprintf("%d messages a second to each of %d receivers, from the edge's reading, with one more that hangs and one that answers 500", besideRate, besideReceivers)
	p99 := func(o outcome) float64 { return ms(o.P99) }
	f := newFigure("webhook_latency_p99_beside_broken", "ms", lower, carried,
		sideOf("datastub_webhook", syncAlways, accompanied, p99), sideOf("none_broken", syncAlways, alone, p99))
	b.add(f)
	if f.Ratio > besideMost {
		return fmt.Errorf("the p99 is %s times as long beside receivers that do not work: want %d times at most", number(f.Ratio), besideMost)
	}
	return nil
}

// besideBroken measures beside a receiver that hangs and one that always fails.
func (b *bench) besideBroken(ctx context.Context, hooks *path) (out outcome, err error) {
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer failing.Close()
	hanging, err := net.Listen("tcp", "127.0.0.1:0") // whose connections nobody accepts
	if err != nil {
		return out, err
	}
	defer hanging.Close()
	for _, callback := range []string{failing.URL, "http://" + hanging.Addr().String()} {
		url, failed := subscribe(ctx, b.programs.http, hookTopic, callback, besideInFlight)
		if failed != nil {
			return out, failed
		}
		defer func() { err = errors.Join(err, unsubscribe(ctx, url)) }()
	}
	return hooks.measure(ctx, latencyWarmUp, load.Order{For: besideTime, Rate: besideRate})
}
