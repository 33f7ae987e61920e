package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// A day is to be drained so many times faster than it was made.
	drainLeast = 20
	// While it is, the p99 of RT may be so many times what it is without, or else
	// what it may be at any time, latencyLimit: on a disk that syncs at once it is
	// 6 ms without, and processes that share a processor wait longer for a turn.
	drainMostP99 = 3
	// drainTimeout bounds a drain: far less than it would take at drainLeast.
	drainTimeout = 3 * time.Minute
	drainStep    = 100 * time.Millisecond
	// storedMetric is what is waited for.
	storedMetric = `datastub_cloudsvc_stored_messages_total{class="BT"} `
)

// drain is how fast a day's backlog of a mapper gets into the log, and what
// that does to the mapper's RT values meanwhile. The backlog waits in the spool
// of a mapper that is not running: it is let in when that starts.
func (b *bench) drain(ctx context.Context) error {
	p, mapper, s := b.programs, b.mapper.(*mapperPath), loadSetup(latencyRate)
	s.spool = filepath.Join(p.dir, "spool")
	var idle, during []outcome
	var took time.Duration
	err := mapper.carry(ctx, s, latencyWarmUp, func(l *mapperLoad) error {
		for range rounds {
			out, err := l.round(ctx, latencyTime)
			if err != nil {
				return err
			}
			idle = append(idle, out)
		}
		return l.fastEnough(idle...)
	})
	if err != nil {
		return err
	}
	if err := makeBacklog(s.spool, time.Now()); err != nil {
		return err
	}
	before, err := p.stored(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	err = mapper.carry(ctx, s, latencyWarmUp, func(l *mapperLoad) error {
		during, err = l.roundsUntil(ctx, func(ctx context.Context) error {
			err := p.awaitStored(ctx, before+backlogCount)
			took = time.Since(began)
			return err
		})
		return err
	})
	if err != nil {
		return err
	}
	return b.addDrain(took, idle, during)
}

// roundsUntil measures rounds until something is over; the last round, in which
// that happened, is left out.
func (l *mapperLoad) roundsUntil(ctx context.Context, over func(context.Context) error) (all []outcome, err error) {
	g, ctx := errgroup.WithContext(ctx)
	done := make(chan struct{})
	g.Go(func() error {
		defer close(done)
		return over(ctx)
	})
	g.Go(func() error {
		for {
			out, err := l.round(ctx, latencyTime)
			if err != nil {
				return err
			}
			select {
			case <-done:
				return nil
			default:
				all = append(all, out)
			}
		}
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("a drain is over within %v: too soon to measure anything meanwhile", latencyTime)
	}
	return all, l.fastEnough(all...)
}

// addDrain adds the figures, and holds them to what is wanted.
func (b *bench) addDrain(took time.Duration, idle, during []outcome) error {
	carried := fmt.Sprintf("a day of %d devices with %d BT properties, each read every %v, in %v",
		backlogDevices, backlogProperties, backlogCycle, took.Round(time.Millisecond))
	speed := newFigure("drain_rate", "msg/s", higher, carried,
		newSide("datastub_mapper", syncAlways, []float64{float64(backlogCount) / took.Seconds()}, nil), newSide("made", syncNone, []float64{backlogRate}, nil))
	carried = fmt.Sprintf("%d RT messages a second of the same mapper, while its backlog drains and without", latencyRate)
	p99 := func(o outcome) float64 { return ms(o.P99) }
	latency := newFigure("drain_rt_latency_p99", "ms", lower, carried,
		sideOf("datastub_mapper", syncAlways, during, p99), sideOf("no_backlog", syncAlways, idle, p99))
	b.add(speed)
	b.add(latency)
	switch {
	case speed.Ratio < drainLeast:
		return fmt.Errorf("a backlog drains %s times as fast as it was made: want %d times at least", number(speed.Ratio), drainLeast)
	case latency.Ratio > drainMostP99 && latency.Ours.Value > ms(latencyLimit):
		return fmt.Errorf("the p99 of RT is %s ms while a backlog drains, %s times as long as without: want %d times or %v at most",
			number(latency.Ours.Value), number(latency.Ratio), drainMostP99, latencyLimit)
	}
	return nil
}

// awaitStored waits until cloudsvc has stored so many messages of class BT,
// and fails if it stored more.
func (p *programs) awaitStored(ctx context.Context, want int) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	for {
		switch n, err := p.stored(ctx); {
		case err != nil:
			return fmt.Errorf("wait for %d stored messages: %w", want, err)
		case n == want:
			return nil
		case n > want:
			return fmt.Errorf("cloudsvc has stored %d messages: want %d", n, want)
		}
		if err := pass(ctx, drainStep); err != nil {
			return fmt.Errorf("wait for %d stored messages: %w", want, err)
		}
	}
}

// stored returns how many messages of class BT cloudsvc has stored since its
// start.
func (p *programs) stored(ctx context.Context) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.http+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if text, is := strings.CutPrefix(lines.Text(), storedMetric); is {
			n, err := strconv.ParseFloat(text, 64)
			return int(n), err
		}
	}
	return 0, errors.Join(fmt.Errorf("%s/metrics has no %s", p.http, storedMetric), lines.Err())
}
