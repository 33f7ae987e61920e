package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"datastub/cloudsvc/load"
	"datastub/dataplane"
	"datastub/hack/process"
)

// mapperPath is a mapper with virtual devices, cloudsvc, and an NDJSON
// subscriber. The mapper runs only while it is measured, so that it does not
// take the processors from its peers.
type mapperPath struct {
	*path
	programs *programs
}

func (p *programs) mapperPath(ctx context.Context) (*mapperPath, error) {
	sink := setup{Kind: kindDatastub, Address: p.http, Topic: mapperTopic, Class: dataplane.RT}
	way, err := p.newPath(ctx, "datastub_mapper", syncAlways, sink, setup{}, watched{"cloudsvc", p.cloudsvc.ID()})
	return &mapperPath{path: way, programs: p}, err
}

// loadCycle is how often each device of a load is read. On a busy machine a
// shorter one would be missed now and then.
const loadCycle = 100 * time.Millisecond

// measure has a mapper's devices make the load.
func (m *mapperPath) measure(ctx context.Context, warmUp time.Duration, o load.Order) (out outcome, err error) {
	before, _ := m.state()
	mapper, err := m.programs.startMapper(o.Rate*int(loadCycle)/int(time.Second), loadCycle)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, mapper.Stop(stopTime)) }()
	if err := m.arrive(ctx, before+1); err != nil {
		return out, err
	}
	if err := pass(ctx, warmUp); err != nil {
		return out, err
	}
	if _, err := m.cut(ctx); err != nil {
		return out, err
	}
	used, err := watch(append([]watched{{"mapper", mapper.ID()}}, m.processes...))
	if err != nil {
		return out, err
	}
	if err := pass(ctx, o.For); err != nil {
		return out, err
	}
	if out.Result, err = m.cut(ctx); err != nil {
		return out, err
	}
	out.Rate = float64(out.Received) / o.For.Seconds()
	if least := 0.8 * float64(o.Rate); out.Rate < least {
		return out, fmt.Errorf("%.0f messages a second of the mapper: want at least %.0f, the machine is too slow for this rate", out.Rate, least)
	}
	out.Usage, err = used()
	return out, err
}

// pass waits.
func pass(ctx context.Context, length time.Duration) error {
	select {
	case <-time.After(length):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startMapper starts a mapper with as many virtual devices, each with one RT
// property that is read every cycle.
func (p *programs) startMapper(devices int, cycle time.Duration) (*process.Process, error) {
	folder := filepath.Join(p.dir, "devices")
	config := filepath.Join(p.dir, "config.yaml")
	err := errors.Join(
		os.MkdirAll(folder, 0o755),
		os.WriteFile(config, []byte(mapperConfig(folder, p)), 0o600),
		os.WriteFile(filepath.Join(folder, "devices.yaml"), []byte(virtualDevices(devices, cycle)), 0o600),
	)
	if err != nil {
		return nil, err
	}
	return process.Start(process.Options{Command: "bin/mapper", Stderr: p.log, Args: []string{"--config-file", config}})
}

func mapperConfig(folder string, p *programs) string {
	return fmt.Sprintf(`
node: bench
http: ""
common: {name: mapper}
devices: {source: folder, folder: %s}
dataplane: {registry: %s, uplink: %s, lan: ""}
`, folder, p.http, p.uplink)
}

func virtualDevices(devices int, cycle time.Duration) string {
	var text strings.Builder
	text.WriteString(`
apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: bench}
spec:
  protocol: virtual
  properties:
    - {name: temperature, type: FLOAT, accessMode: ReadOnly, unit: °C}
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
    - name: temperature
      collectCycle: %d
      visitors:
        protocolName: virtual
        configData: {signal: sine, min: 0, max: 100, period: 60s, topic: %s, qosClass: RT}
`, n, cycle.Milliseconds(), mapperTopic)
	}
	return text.String()
}
