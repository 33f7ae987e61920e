package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// roles are those of a process that the benchmark starts.
var roles = [...]string{"source", "sink", "plant"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the benchmark, or one of its roles: "source SETUP", "sink SETUP" or
// "plant SETUP".
func run(ctx context.Context, args []string) error {
	if len(args) == 2 && slices.Contains(roles[:], args[0]) {
		return runRole(ctx, args[0], args[1])
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	file := flags.String("json", "bin/bench.json", "`file` to write everything to")
	readme := flags.String("readme", "", "`file` to write the lines into, between its markers")
	only := flags.String("only", "", "`step` to run, and no other: idle, latency, throughput, uplink, drain, fleet, beside or crowd")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("argument %q: want flags only", flags.Arg(0))
	}
	return runBench(ctx, *file, *readme, *only)
}

func runRole(ctx context.Context, role, text string) error {
	s, err := parseSetup(text)
	if err != nil {
		return fmt.Errorf("setup of a %s: %w", role, err)
	}
	switch role {
	case "source":
		return runSource(ctx, s, os.Stdin, os.Stdout)
	case "plant":
		return runPlant(ctx, s, os.Stdin, os.Stdout)
	}
	return runSink(ctx, s, os.Stdin, os.Stdout)
}

// runBench measures, and writes down what was found. What was measured before
// an error is printed, and not written.
func runBench(ctx context.Context, file, readme, only string) (err error) {
	b, err := newBench(ctx, os.Stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	r, err := newReport(b.programs.dir)
	if err != nil {
		return err
	}
	fmt.Println("#", r.title())
	if err := b.measure(ctx, only); err != nil {
		return err
	}
	r.Figures = b.figures
	if err := r.write(file); err != nil || readme == "" {
		return err
	}
	return r.writeReadme(readme)
}
