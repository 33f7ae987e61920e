package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"datastub/cloudsvc/client"
	"datastub/hack/process"
)

const (
	server = "http://127.0.0.1:18080"
	uplink = "tcp://127.0.0.1:15557"
	// Each device is read so often, and has one RT property.
	cycle   = 10 * time.Millisecond
	devices = rate * int(cycle) / int(time.Second)
	// start bounds how long the programs may take to be there.
	startTime = 20 * time.Second
)

// path is a mapper with virtual devices, cloudsvc and a subscription.
type path struct {
	dir              string
	cloudsvc, mapper *process.Process
	client           *client.Client
	stream           *client.Stream
	reading          sync.WaitGroup

	mu     sync.Mutex
	sample []time.Duration // since measure last took it
	err    error           // why the stream is no longer read
}

func startPath(ctx context.Context) (_ *path, err error) {
	p := &path{}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	if p.dir, err = os.MkdirTemp("", "datastub-bench-"); err != nil {
		return nil, err
	}
	if err := p.writeConfig(); err != nil {
		return nil, err
	}
	p.cloudsvc, err = process.Start(process.Options{
		Command: "bin/cloudsvc", Stderr: os.Stderr,
		Args: []string{"--http", strings.TrimPrefix(server, "http://"), "--uplink", uplink, "--data", filepath.Join(p.dir, "data")},
	})
	if err != nil {
		return nil, err
	}
	if err := waitReady(ctx); err != nil {
		return nil, err
	}
	p.mapper, err = process.Start(process.Options{
		Command: "bin/mapper", Stderr: os.Stderr, Args: []string{"--config-file", filepath.Join(p.dir, "config.yaml")},
	})
	if err != nil {
		return nil, err
	}
	if p.client, err = client.New(client.Options{Server: server}); err != nil {
		return nil, err
	}
	if p.stream, err = p.client.Subscribe(ctx, "#"); err != nil {
		return nil, err
	}
	p.reading.Go(p.read)
	_, err = p.measure(ctx, warmUp)
	return p, err
}

func waitReady(ctx context.Context) error {
	for deadline := time.Now().Add(startTime); time.Now().Before(deadline); {
		resp, err := http.Get(server + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("cloudsvc was not ready in %v", startTime)
}

// read reads the stream until it ends, or a message is missing.
func (p *path) read() {
	seqs := make(map[string]uint64) // the last of each device
	for event, err := range p.stream.Events() {
		took := time.Since(event.Time)
		if last, known := seqs[event.Device]; err == nil && known && event.Seq != last+1 {
			err = fmt.Errorf("%s: message %d behind %d", event.Device, event.Seq, last)
		}
		seqs[event.Device] = event.Seq
		p.mu.Lock()
		p.sample, p.err = append(p.sample, took), err
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// measure returns how long each message took that came within a time.
func (p *path) measure(ctx context.Context, length time.Duration) ([]time.Duration, error) {
	_, _ = p.take()
	select {
	case <-time.After(length):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	sample, err := p.take()
	if want := rate * int(length/time.Second) * 8 / 10; err == nil && len(sample) < want {
		err = fmt.Errorf("%d messages in %v: want at least %d, the machine is too slow for this rate", len(sample), length, want)
	}
	return sample, err
}

func (p *path) take() ([]time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sample := p.sample
	p.sample = nil
	return sample, p.err
}

func (p *path) stop() {
	if p.stream != nil {
		_ = p.stream.Close()
	}
	p.reading.Wait()
	if p.client != nil {
		p.client.Close()
	}
	for _, program := range []*process.Process{p.mapper, p.cloudsvc} {
		if program == nil {
			continue
		}
		if err := program.Stop(5 * time.Second); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
	_ = os.RemoveAll(p.dir)
}

// writeConfig writes a mapper's config and its devices.
func (p *path) writeConfig() error {
	folder := filepath.Join(p.dir, "devices")
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	config := fmt.Sprintf(`
node: bench
common: {name: mapper}
devices: {source: folder, folder: %s}
dataplane: {registry: %s, uplink: %s, lan: ""}
`, folder, server, uplink)
	var text strings.Builder
	text.WriteString(`
apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: bench}
spec:
  protocol: virtual
  properties:
    - {name: value, type: DOUBLE, accessMode: ReadOnly, unit: °C}
`)
	for n := range devices {
		fmt.Fprintf(&text, `
---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: device-%03d}
spec:
  deviceModelRef: {name: bench}
  protocol: {protocolName: virtual}
  properties:
    - name: value
      collectCycle: %d
      visitors:
        protocolName: virtual
        configData: {signal: sine, min: 0, max: 100, period: 60s, topic: hall-07/boiler/sensor-1, qosClass: RT}
`, n, cycle.Milliseconds())
	}
	return errors.Join(
		os.WriteFile(filepath.Join(p.dir, "config.yaml"), []byte(config), 0o600),
		os.WriteFile(filepath.Join(folder, "devices.yaml"), []byte(text.String()), 0o600),
	)
}
