package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"datastub/cloudsvc/load"
	"datastub/dataplane"
)

// errIncomplete is why a benchmark fails whose messages did not all arrive,
// once and in order.
var errIncomplete = errors.New("not every message arrived, once and in order")

// errUnmeasured ends a benchmark by Ctrl-C.
var errUnmeasured = fmt.Errorf("%w before the end: nothing was measured", errInterrupted)

// benchFlags say what a benchmark is to be.
type benchFlags struct {
	uplink   string
	class    string
	rate     int
	devices  int
	duration time.Duration
}

func newBench(a *app) *cobra.Command {
	var flags benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a running cloudsvc from here",
		Long: `bench publishes messages of its own to cloudsvc's uplink as a mapper does, at a
topic that nobody else has, subscribes to them over HTTP, and proves from the id
of each that all arrived, once and in order. It touches no other data; what it
publishes is kept as long as everything else.

Latency is from the message's time at the publisher to its arrival here. With
--rate 0 it is mostly the time in queues. The bytes are those on the uplink.`,
		Example: `  datastub bench --rate 2000 --duration 10s
  datastub bench --class BT
  datastub bench --uplink tcp://cloud:5557 --server http://cloud:8080 -o json`,
		Args: cobra.NoArgs,
	}
	output := addFormat(cmd)
	f := cmd.Flags()
	f.StringVar(&flags.uplink, "uplink", "tcp://127.0.0.1:5557", "ZeroMQ `endpoint` of cloudsvc's uplink")
	f.StringVar(&flags.class, "class", "RT", "RT, at once, or BT, in batches")
	f.IntVar(&flags.rate, "rate", 0, "messages a second; 0: as fast as it can")
	f.DurationVar(&flags.duration, "duration", 10*time.Second, "how long to publish")
	f.IntVar(&flags.devices, "devices", 20, "devices that take turns")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		class, err := flags.check()
		if err != nil {
			return usageError{err}
		}
		r, err := a.bench(cmd.Context(), flags, class)
		if cmd.Context().Err() != nil {
			return errUnmeasured
		}
		if err != nil {
			return err
		}
		if err := output.print(a.out, r, r.table); err != nil {
			return err
		}
		if !r.complete() {
			return errIncomplete
		}
		return nil
	}
	return cmd
}

func (f *benchFlags) check() (dataplane.Class, error) {
	class, err := dataplane.ParseClass(f.class)
	errs := []error{err}
	if f.rate < 0 {
		errs = append(errs, fmt.Errorf("--rate %d: want 0, for as fast as it can, or more", f.rate))
	}
	if f.duration <= 0 {
		errs = append(errs, fmt.Errorf("--duration %v: want more than 0, such as 10s", f.duration))
	}
	if f.devices < 1 {
		errs = append(errs, fmt.Errorf("--devices %d: want 1 or more", f.devices))
	}
	if !strings.HasPrefix(f.uplink, "tcp://") {
		errs = append(errs, fmt.Errorf("--uplink %q: want tcp://host:port, such as tcp://127.0.0.1:5557", f.uplink))
	}
	return class, errors.Join(errs...)
}

// benchResult is what a benchmark found. Its JSON is a contract.
type benchResult struct {
	Class         dataplane.Class `json:"class"`
	Topic         string          `json:"topic"`
	Sent          uint64          `json:"sent"`
	Received      uint64          `json:"received"`
	Missing       uint64          `json:"missing"`
	Duplicates    uint64          `json:"duplicates"`
	OutOfOrder    uint64          `json:"outOfOrder"`
	Rate          float64         `json:"messagesPerSecond"` // from the first sent to the last received
	P50           seconds         `json:"latencyP50Seconds"`
	P99           seconds         `json:"latencyP99Seconds"`
	Max           seconds         `json:"latencyMaxSeconds"`
	BytesPerValue float64         `json:"bytesPerValue"` // on the uplink, towards cloudsvc
}

func (r *benchResult) complete() bool {
	return r.Sent > 0 && r.Missing == 0 && r.Duplicates == 0 && r.OutOfOrder == 0
}

func (r *benchResult) table(w io.Writer) {
	fmt.Fprintf(w, "class\t%v\n", r.Class)
	fmt.Fprintf(w, "topic\t%s\n", r.Topic)
	fmt.Fprintf(w, "sent\t%d\n", r.Sent)
	fmt.Fprintf(w, "received\t%d\n", r.Received)
	fmt.Fprintf(w, "missing\t%d\n", r.Missing)
	fmt.Fprintf(w, "duplicates\t%d\n", r.Duplicates)
	fmt.Fprintf(w, "out of order\t%d\n", r.OutOfOrder)
	fmt.Fprintf(w, "rate\t%.0f messages/s\n", r.Rate)
	fmt.Fprintf(w, "latency p50\t%.3f ms\n", r.P50.milliseconds())
	fmt.Fprintf(w, "latency p99\t%.3f ms\n", r.P99.milliseconds())
	fmt.Fprintf(w, "latency max\t%.3f ms\n", r.Max.milliseconds())
	fmt.Fprintf(w, "uplink\t%.1f bytes/message\n", r.BytesPerValue)
}

// bench subscribes, then publishes, and waits for what was published.
func (a *app) bench(ctx context.Context, flags benchFlags, class dataplane.Class) (*benchResult, error) {
	c, err := a.connect()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	name := strings.ToLower(rand.Text()[:11])
	b := &benchRun{
		class: class, topic: "datastub/" + name + "/rig", // 24 characters, as many as a real plant's
		node: "bench-" + name, devices: flags.devices, order: load.Order{For: flags.duration, Rate: flags.rate},
		tally: load.NewTally(),
	}
	if b.sink, err = load.NewSink(ctx, c.Server(), b.topic, b.tally); err != nil {
		return nil, err
	}
	if b.meter, err = load.NewMeter(ctx, flags.uplink); err != nil {
		b.sink.Close()
		return nil, unreachableError{fmt.Errorf("cannot reach cloudsvc's uplink at %s (--uplink): %w; is cloudsvc running there?", flags.uplink, cause(err))}
	}
	fmt.Fprintf(a.err, "datastub: publishing %v messages at %s for %v\n", class, b.topic, flags.duration)
	return b.run(ctx)
}
