package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"datastub/cloudsvc/load"
	"datastub/dataplane"
)

const (
	rounds = 5
	// The latency is measured at this rate, in messages a second, and its p99
	// must stay below the limit.
	latencyRate   = 2000
	latencyTime   = 2500 * time.Millisecond
	latencyWarmUp = time.Second
	latencyLimit  = 100 * time.Millisecond
	// The throughput is that of a window which is always full.
	throughputTime   = 2 * time.Second
	throughputWarmUp = 500 * time.Millisecond
)

// A way is a path, however its load is made.
type way interface {
	measure(ctx context.Context, warmUp time.Duration, o load.Order) (outcome, error)
	about() (name, sync string)
	stop() error
}

// A bench is the programs, the ways through and beside them, and the figures.
type bench struct {
	out      io.Writer
	programs *programs

	mapper, rt, bt, zmq, mqtt way

	figures []figure
}

// newBench starts all that is measured.
func newBench(ctx context.Context, out io.Writer) (_ *bench, err error) {
	b := &bench{out: out}
	if b.programs, err = startPrograms(ctx); err != nil {
		return nil, err
	}
	p := b.programs
	open := []struct {
		way  *way
		open func(context.Context) (way, error)
	}{
		{&b.mapper, func(ctx context.Context) (way, error) { return p.mapperPath(ctx) }},
		{&b.rt, func(ctx context.Context) (way, error) { return p.uplinkPath(ctx, dataplane.RT, rtTopic) }},
		{&b.bt, func(ctx context.Context) (way, error) { return p.uplinkPath(ctx, dataplane.BT, btTopic) }},
		{&b.zmq, func(ctx context.Context) (way, error) { return p.zmqPath(ctx) }},
		{&b.mqtt, func(ctx context.Context) (way, error) { return p.mqttPath(ctx) }},
	}
	for _, o := range open {
		w, err := o.open(ctx)
		if err != nil {
			p.showLog(os.Stderr)
			return nil, errors.Join(err, b.stop())
		}
		*o.way = w
	}
	return b, nil
}

// stop ends the ways, then the programs.
func (b *bench) stop() error {
	var errs []error
	for _, w := range []way{b.mapper, b.rt, b.bt, b.zmq, b.mqtt} {
		if w != nil {
			errs = append(errs, w.stop())
		}
	}
	return errors.Join(append(errs, b.programs.stop())...)
}

// measure makes all figures, or those of only one step, printing each when it
// is there.
func (b *bench) measure(ctx context.Context, only string) error {
	steps := []struct {
		name string
		run  func(context.Context) error
	}{
		{"idle", b.idle}, {"latency", b.latency}, {"throughput", b.throughput}, {"uplink", b.uplinkBytes}, {"drain", b.drain},
		{"fleet", b.fleet}, {"beside", b.beside}, {"crowd", b.crowd},
	}
	for _, step := range steps {
		if only != "" && step.name != only {
			continue
		}
		if err := step.run(ctx); err != nil {
			b.programs.showLog(os.Stderr)
			return err
		}
	}
	return nil
}

func (b *bench) add(f figure) {
	f.print(b.out)
	b.figures = append(b.figures, f)
}

// latency is the time from a value's reading at the edge to its line at an
// HTTP subscriber.
func (b *bench) latency(ctx context.Context) error {
	got, err := b.rounds(ctx, latencyWarmUp, load.Order{For: latencyTime, Rate: latencyRate}, b.mapper, b.zmq, b.mqtt)
	if err != nil {
		return err
	}
	carried := fmt.Sprintf("%d messages a second", latencyRate)
	p50 := func(o outcome) float64 { return ms(o.P50) }
	p99 := func(o outcome) float64 { return ms(o.P99) }
	for _, peer := range []way{b.zmq, b.mqtt} {
		b.add(newFigure("rt_latency_p50", "ms", lower, carried, got.side(b.mapper, p50), got.side(peer, p50)))
	}
	for _, peer := range []way{b.zmq, b.mqtt} {
		b.add(newFigure("rt_latency_p99", "ms", lower, carried, got.side(b.mapper, p99), got.side(peer, p99)))
	}
	if ours := got.side(b.mapper, p99); ours.Value > ms(latencyLimit) {
		return fmt.Errorf("the p99 of %s ms is above %v", number(ours.Value), latencyLimit)
	}
	return nil
}

// throughput is how much one subscriber gets of what one source makes.
func (b *bench) throughput(ctx context.Context) error {
	got, err := b.rounds(ctx, throughputWarmUp, load.Order{For: throughputTime}, b.rt, b.bt, b.zmq, b.mqtt)
	if err != nil {
		return err
	}
	carried := fmt.Sprintf("one publisher to one subscriber, at most %d messages on their way, %s %d, %s %d",
		datastubWindow, "zmq", zmqWindow, "mosquitto", mqttWindow)
	rate := func(o outcome) float64 { return o.Rate }
	for _, ours := range []struct {
		name string
		way  way
	}{{"rt_throughput", b.rt}, {"bt_throughput", b.bt}} {
		for _, peer := range []way{b.zmq, b.mqtt} {
			b.add(newFigure(ours.name, "msg/s", higher, carried, got.side(ours.way, rate), got.side(peer, rate)))
		}
	}
	return nil
}

// outcomes are those of each round, by way.
type outcomes map[way][]outcome

// rounds measures the ways in turn, round by round.
func (b *bench) rounds(ctx context.Context, warmUp time.Duration, o load.Order, ways ...way) (outcomes, error) {
	got := make(outcomes)
	for range rounds {
		for _, w := range ways {
			out, err := w.measure(ctx, warmUp, o)
			if err != nil {
				return nil, err
			}
			got[w] = append(got[w], out)
		}
	}
	return got, nil
}

// side returns one value of each round of a way.
func (o outcomes) side(w way, value func(outcome) float64) side {
	name, sync := w.about()
	return sideOf(name, sync, o[w], value)
}

func sideOf(name, sync string, rounds []outcome, value func(outcome) float64) side {
	var values []float64
	var used [][]usage
	for _, out := range rounds {
		values = append(values, value(out))
		used = append(used, out.Usage)
	}
	return newSide(name, sync, values, used)
}
