package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"datastub/cloudsvc/client"
)

const (
	server    = "http://127.0.0.1:8080"
	plantPort = "5020"
	readyTime = 20 * time.Second
	// batchTime is how long the first batch (BT) may take to arrive: its age,
	// and some time to start.
	batchTime = 8 * time.Second
)

// ports are what the demo listens on, by who does.
var ports = map[string]string{
	"the plant (Modbus)":   "127.0.0.1:" + plantPort,
	"the mapper's LAN PUB": "127.0.0.1:5556",
	"the mapper's HTTP":    "127.0.0.1:7777",
	"cloudsvc's uplink":    "127.0.0.1:5557",
	"cloudsvc's HTTP":      "127.0.0.1:8080",
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo: failed:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	seconds, err := demoSeconds(os.Getenv("DEMO_SECONDS"))
	if err != nil {
		return err
	}
	if err := checkPorts(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "datastub-demo-")
	if err != nil {
		return err
	}
	d := &demo{dir: dir, checker: newChecker()}
	err = d.run(ctx, seconds)
	if err != nil {
		return fmt.Errorf("%w\nlogs are in %s", err, dir)
	}
	return os.RemoveAll(dir)
}

// demoSeconds reads DEMO_SECONDS; 0 runs until Ctrl-C.
func demoSeconds(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 10 {
		return 0, fmt.Errorf("DEMO_SECONDS is %q: want a whole number of seconds, 10 or more (a batch takes 5), or nothing to run until Ctrl-C", text)
	}
	return time.Duration(n) * time.Second, nil
}

// checkPorts tells who else listens where the demo wants to.
func checkPorts() error {
	var errs []error
	for who, address := range ports {
		l, err := net.Listen("tcp", address)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s needs %s: %w; stop the program that uses it", who, address, err))
			continue
		}
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// demo is the programs of one demo, and what checks their values.
type demo struct {
	dir      string
	checker  *checker
	programs []*program // in the order in which they were started
}

func (d *demo) run(ctx context.Context, length time.Duration) (err error) {
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := d.start(ctx); err != nil {
		return ignoreEnd(ctx, err)
	}
	checking, cancel := context.WithCancel(ctx)
	defer cancel()
	checked := make(chan error, 1) // check's one result, so that it never waits for us
	go func() { checked <- d.check(checking) }()
	var end <-chan time.Time
	if length > 0 {
		end = time.After(length)
	}
	begun := time.Now()
	select {
	case err := <-d.died():
		return err
	case err := <-checked:
		return ignoreEnd(ctx, err)
	case <-end:
	case <-ctx.Done():
	}
	took := time.Since(begun).Round(time.Second)
	cancel()
	<-checked
	if err := d.stop(); err != nil {
		return err
	}
	return d.summarize(took)
}

// ignoreEnd returns no error where it is only that the demo was told to end.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// start starts everything, and says in words what is going on.
func (d *demo) start(ctx context.Context) error {
	fmt.Println("DataStub demo: values from a Modbus device to an HTTP subscriber, all on this machine.")
	fmt.Println()

	fmt.Println("1. A plant: python3-pymodbus serves Modbus TCP on 127.0.0.1:" + plantPort + "; its registers change twice a second.")
	told, tell := io.Pipe()
	go d.readPlant(told)
	if err := d.launch("plant", tell, "/usr/bin/python3", "hack/demo/plant.py", plantPort); err != nil {
		return err
	}

	fmt.Println("2. cloudsvc: takes mappers in at tcp://127.0.0.1:5557, keeps every message in an embedded JetStream, serves " + server + ".")
	if err := d.launch("cloudsvc", nil, "bin/cloudsvc", "--data", filepath.Join(d.dir, "data")); err != nil {
		return err
	}
	if err := d.waitReady(ctx, d.programs[len(d.programs)-1]); err != nil {
		return err
	}

	fmt.Println("3. A mapper: reads the devices in resource/demo/devices: boiler-1 (Modbus), meter-1 and fan-1 (virtual).")
	if err := d.launch("mapper", nil, "bin/mapper", "--config-file", "resource/demo/config.yaml"); err != nil {
		return err
	}

	fmt.Println("4. A subscriber: bin/datastub subscribe '#'. RT values come at once, BT values in batches, 5 s old at most.")
	fmt.Println("   Try in another terminal: curl -N -d '{\"topic\":\"sensor/+\"}' " + server + "/subscribe")
	fmt.Println("   Ctrl-C ends it all.")
	fmt.Println()
	return d.launch("subscriber", os.Stdout, "bin/datastub", "subscribe", "#")
}

// died returns a channel that tells of the first process that ends by itself.
func (d *demo) died() <-chan error {
	ended := make(chan error, len(d.programs))
	for _, p := range d.programs {
		go func() {
			<-p.Done()
			ended <- p.died()
		}()
	}
	return ended
}

// stop ends the programs, the last one started first. A second time does
// nothing.
func (d *demo) stop() error {
	var errs []error
	for i := len(d.programs) - 1; i >= 0; i-- {
		errs = append(errs, d.programs[i].Stop(stopTime))
	}
	d.programs = nil
	return errors.Join(errs...)
}

// readPlant takes in what the plant tells of its registers.
func (d *demo) readPlant(r io.Reader) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		var c change
		if json.Unmarshal(lines.Bytes(), &c) == nil {
			d.checker.changed(c)
		}
	}
}

// waitReady waits until cloudsvc takes messages.
func (d *demo) waitReady(ctx context.Context, cloudsvc *program) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-cloudsvc.Done():
			return cloudsvc.died()
		case <-ctx.Done():
			return fmt.Errorf("cloudsvc was not ready in %v", readyTime)
		}
	}
}

// check subscribes a second time, and holds what comes against what it must be.
func (d *demo) check(ctx context.Context) error {
	c, err := client.New(client.Options{Server: server})
	if err != nil {
		return err
	}
	defer c.Close()
	stream, err := c.Subscribe(ctx, "#")
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	for event, err := range stream.Events() {
		if err != nil {
			return err
		}
		if err := d.checker.check(&event.Message); err != nil {
			return err
		}
	}
	return nil
}

// summarize prints the last line, and fails if a property is missing.
func (d *demo) summarize(took time.Duration) error {
	counts, missing := d.checker.counts()
	if len(missing) > 0 && took < batchTime {
		fmt.Printf("\ndemo: stopped after %v, before every value could arrive (%v had not yet)\n", took, missing)
		return nil
	}
	if len(missing) > 0 {
		return fmt.Errorf("no value of %v arrived in %v", missing, took)
	}
	fmt.Printf("\ndemo: ok: in %v every value was right: %s\n", took, counts)
	return nil
}
