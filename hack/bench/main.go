package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

const (
	rounds    = 5
	roundTime = 4 * time.Second
	warmUp    = 3 * time.Second
	// rate is how many messages a second both paths carry.
	rate = 2000
	// limit is what the p99 of the whole path must stay below at that rate.
	limit = 100 * time.Millisecond
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures the latency of RT messages, from the reading's time at the edge
// to its line at an HTTP subscriber, and beside it that of a bare ZeroMQ PUB
// and SUB in two threads: the least that the transport costs.
func run(ctx context.Context) error {
	p, err := startPath(ctx)
	if err != nil {
		return err
	}
	defer p.stop()
	fmt.Fprintf(os.Stderr, "measuring %d rounds of %v at %d messages a second\n", rounds, roundTime, rate)
	var ours, bare latencies
	for range rounds {
		sample, err := p.measure(ctx, roundTime)
		if err != nil {
			return err
		}
		ours.add(sample)
		if sample, err = measureBare(ctx, roundTime); err != nil {
			return err
		}
		bare.add(sample)
	}
	fmt.Printf("# %d messages a second, %d of them in all; the log syncs each block before it is acknowledged and delivered\n", rate, ours.messages)
	report("rt_latency_p50", ours.p50, "zmq_pub_sub_p50", bare.p50)
	report("rt_latency_p99", ours.p99, "zmq_pub_sub_p99", bare.p99)
	if p99 := median(ours.p99); p99 > limit {
		return fmt.Errorf("the p99 of %v is above %v", p99, limit)
	}
	return nil
}

// latencies are the percentiles of each round.
type latencies struct {
	p50, p99 []time.Duration
	messages int
}

func (l *latencies) add(sample []time.Duration) {
	slices.Sort(sample)
	l.p50 = append(l.p50, sample[len(sample)/2])
	l.p99 = append(l.p99, sample[len(sample)*99/100])
	l.messages += len(sample)
}

// report prints the medians of the rounds, and their spread as a comment.
func report(name string, ours []time.Duration, peer string, theirs []time.Duration) {
	a, b := median(ours), median(theirs)
	fmt.Printf("bench %s %.3f ms peer %s %.3f ms ratio %.1f\n", name, ms(a), peer, ms(b), ms(a)/ms(b))
	fmt.Printf("# %s: %.3f to %.3f ms, %s: %.3f to %.3f ms\n", name, ms(ours[0]), ms(ours[len(ours)-1]), peer, ms(theirs[0]), ms(theirs[len(theirs)-1]))
}

// median sorts what it is given.
func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return of[len(of)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
