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

// A mapperSetup is what a mapper is to be.
type mapperSetup struct {
	devices int           // virtual ones, each with one RT property
	cycle   time.Duration // in which each is read
	spool   string        // folder; empty: in memory
	http    string        // host:port; empty: it is not watched
	fleet   *fleetSetup   // Modbus devices instead; nil: virtual ones
}

// write writes the CRs of the devices into a folder, and removes those before.
func (s *mapperSetup) write(folder string) error {
	files := []string{virtualDevices(s.devices, s.cycle)}
	if s.fleet != nil {
		files = s.fleet.files(s.devices, s.cycle)
	}
	errs := []error{os.RemoveAll(folder), os.MkdirAll(folder, 0o755)}
	for n, text := range files {
		errs = append(errs, os.WriteFile(filepath.Join(folder, fmt.Sprintf("devices-%d.yaml", n)), []byte(text), 0o600))
	}
	return errors.Join(errs...)
}

// loadSetup returns a mapper that makes so many messages a second.
func loadSetup(rate int) mapperSetup {
	return mapperSetup{devices: rate * int(loadCycle) / int(time.Second), cycle: loadCycle}
}

// rate returns how many messages a second the mapper makes.
func (s *mapperSetup) rate() float64 { return float64(s.devices) / s.cycle.Seconds() }

// measure has a mapper's devices make the load.
func (m *mapperPath) measure(ctx context.Context, warmUp time.Duration, o load.Order) (out outcome, err error) {
	err = m.carry(ctx, loadSetup(o.Rate), warmUp, func(l *mapperLoad) error {
		if out, err = l.round(ctx, o.For); err != nil {
			return err
		}
		return l.fastEnough(out)
	})
	return out, err
}

// carry has a mapper's devices make a load, and after some of it to warm up
// calls measure, until it returns.
func (m *mapperPath) carry(ctx context.Context, s mapperSetup, warmUp time.Duration, measure func(*mapperLoad) error) (err error) {
	before, _ := m.state()
	mapper, err := m.programs.startMapper(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mapper.Stop(stopTime)) }()
	if err := m.arrive(ctx, before+1); err != nil {
		return err
	}
	if err := pass(ctx, warmUp); err != nil {
		return err
	}
	if _, err := m.cut(ctx); err != nil {
		return err
	}
	return measure(&mapperLoad{m, s, append([]watched{{"mapper", mapper.ID()}}, m.processes...)})
}

// A mapperLoad is a load that a mapper's devices make.
type mapperLoad struct {
	path      *mapperPath
	setup     mapperSetup
	processes []watched
}

// round measures the load for some time, right behind the round before.
func (l *mapperLoad) round(ctx context.Context, length time.Duration) (out outcome, err error) {
	used, err := watch(l.processes)
	if err != nil {
		return out, err
	}
	if err := pass(ctx, length); err != nil {
		return out, err
	}
	if out.Result, err = l.path.cut(ctx); err != nil {
		return out, err
	}
	out.Rate = float64(out.Received) / length.Seconds()
	out.Usage, err = used()
	return out, err
}

// fastEnough holds rounds together to the load that the mapper was to make.
func (l *mapperLoad) fastEnough(rounds ...outcome) error {
	rate := 0.0
	for i := range rounds {
		rate += rounds[i].Rate / float64(len(rounds))
	}
	if least := 0.8 * l.setup.rate(); rate < least {
		return fmt.Errorf("%.0f messages a second of the mapper: want at least %.0f, the machine is too slow for this rate", rate, least)
	}
	return nil
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

// startMapper starts a mapper.
func (p *programs) startMapper(s mapperSetup) (*process.Process, error) {
	folder := filepath.Join(p.dir, "devices")
	config := filepath.Join(p.dir, "config.yaml")
	err := errors.Join(
		os.WriteFile(config, []byte(mapperConfig(folder, p, s)), 0o600),
		s.write(folder),
	)
	if err != nil {
		return nil, err
	}
	return process.Start(process.Options{Command: "bin/mapper", Stderr: p.log, Args: []string{"--config-file", config}})
}

// A mapper's name is <mapperNode>/<mapperName>.
const (
	mapperNode = "bench"
	mapperName = "mapper"
)

func mapperConfig(folder string, p *programs, s mapperSetup) string {
	return fmt.Sprintf(`
node: %s
http: %q
common: {name: %s}
devices: {source: folder, folder: %s}
dataplane: {registry: %s, uplink: %s, lan: "", spool: {dir: %q}}
`, mapperNode, s.http, mapperName, folder, p.http, p.uplink, s.spool)
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
