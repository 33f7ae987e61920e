package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"datastub/dataplane"
	"datastub/hack/process"
)

const (
	fleetDevices   = 1000
	fleetRegisters = 10 // of each device, and properties
	fleetCycle     = time.Second
	fleetRounds    = 3
	fleetWarmUp    = 5 * time.Second
	fleetTime      = 10 * time.Second
	// What a mapper may take for them.
	fleetLateness = 100 * time.Millisecond // the p99, from when a cycle is due to its answer
	fleetCores    = 0.5
)

// A fleetRound is what a mapper came to with all devices of a plant.
type fleetRound struct {
	p50, p99 float64 // lateness in ms
	skipped  float64 // cycles
	requests float64 // of a device and cycle
	cores    float64
	memory   float64 // MiB at most
}

// fleet is what many Modbus devices cost, and how late their cycles are, beside
// the same devices of which each property is read by a request of its own.
func (b *bench) fleet(ctx context.Context) (err error) {
	plant, port, err := b.programs.startPlant()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plant.stop()) }()
	var ours, peers []fleetRound
	for range fleetRounds {
		for _, one := range []struct {
			single bool
			rounds *[]fleetRound
		}{{false, &ours}, {true, &peers}} {
			r, err := b.programs.fleetRound(ctx, plant, &fleetSetup{port: port, single: one.single})
			if err != nil {
				return err
			}
			*one.rounds = append(*one.rounds, r)
		}
	}
	return b.addFleet(ours, peers)
}

// addFleet makes figures of the rounds, and holds them to what is wanted.
func (b *bench) addFleet(ours, peers []fleetRound) error {
	carried := fmt.Sprintf("%d Modbus devices of %d registers, each read every %v", fleetDevices, fleetRegisters, fleetCycle)
	var errs []error
	for _, r := range ours {
		if r.skipped > 0 {
			errs = append(errs, fmt.Errorf("%.0f cycles were skipped: want none", r.skipped))
		}
	}
	for _, one := range []struct {
		name, unit string
		value      func(fleetRound) float64
		most       float64 // 0: any
	}{
		{"fleet_requests", "per_cycle", func(r fleetRound) float64 { return r.requests }, 0},
		{"fleet_lateness_p50", "ms", func(r fleetRound) float64 { return r.p50 }, 0},
		{"fleet_lateness_p99", "ms", func(r fleetRound) float64 { return r.p99 }, ms(fleetLateness)},
		{"fleet_cpu_mapper", "cores", func(r fleetRound) float64 { return r.cores }, fleetCores},
		{"fleet_rss_mapper", "MiB", func(r fleetRound) float64 { return r.memory }, 0},
	} {
		side := func(name string, rounds []fleetRound) side {
			var values []float64
			for _, r := range rounds {
				values = append(values, one.value(r))
			}
			return newSide(name, syncNone, values, nil)
		}
		f := newFigure(one.name, one.unit, lower, carried, side("coalesced", ours), side("one_property_a_request", peers))
		b.add(f)
		if one.most > 0 && f.Ours.Value > one.most {
			errs = append(errs, fmt.Errorf("%s is %s %s: want %s at most", one.name, number(f.Ours.Value), one.unit, number(one.most)))
		}
	}
	return errors.Join(errs...)
}

// startPlant starts a plant, and returns the port of all its devices.
func (p *programs) startPlant() (*actor, string, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	_, port, _ := net.SplitHostPort(address)
	plant, err := startActor("plant", setup{Kind: kindModbus, Address: "tcp://0.0.0.0:" + port, Class: dataplane.BT}, p.log)
	if err != nil {
		return nil, "", err
	}
	if _, open := <-plant.answers; !open {
		return nil, "", errors.Join(errors.New("the plant ended"), plant.stop())
	}
	return plant, port, nil
}

// fleetRound has a mapper read all devices of a plant.
func (p *programs) fleetRound(ctx context.Context, plant *actor, f *fleetSetup) (r fleetRound, err error) {
	address, err := freeAddress()
	if err != nil {
		return r, err
	}
	mapper, err := p.startMapper(mapperSetup{devices: fleetDevices, cycle: fleetCycle, http: address, fleet: f})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, mapper.Stop(stopTime)) }()
	server := "http://" + address
	if err := until(ctx, "all devices are online", mapper, func() bool {
		s, err := takeScrape(ctx, server)
		return err == nil && s[`datastub_mapper_devices{state="online"}`] == fleetDevices
	}); err != nil {
		return r, err
	}
	if err := pass(ctx, fleetWarmUp); err != nil {
		return r, err
	}
	return measureFleet(ctx, plant, mapper, server)
}

// measureFleet measures a mapper that reads all devices of a plant.
func measureFleet(ctx context.Context, plant *actor, mapper *process.Process, server string) (r fleetRound, err error) {
	before, err := takeScrape(ctx, server)
	if err != nil {
		return r, err
	}
	used, err := watch([]watched{{"mapper", mapper.ID()}})
	if err != nil {
		return r, err
	}
	if _, err := plant.cut(); err != nil {
		return r, err
	}
	began := time.Now()
	if err := pass(ctx, fleetTime); err != nil {
		return r, err
	}
	served, err := plant.cut()
	if err != nil {
		return r, err
	}
	length := time.Since(began).Seconds()
	usage, err := used()
	if err != nil {
		return r, err
	}
	after, err := takeScrape(ctx, server)
	if err != nil {
		return r, err
	}
	since := after.minus(before)
	lateness := since.histogram("datastub_mapper_cycle_lateness_seconds")
	return fleetRound{
		p50: 1000 * quantile(.5, lateness), p99: 1000 * quantile(.99, lateness),
		skipped:  since["datastub_mapper_skipped_cycles_total"],
		requests: float64(served) * fleetCycle.Seconds() / fleetDevices / length,
		cores:    usage[0].CPU.Seconds() / length, memory: float64(usage[0].MaxRSS) / (1 << 20),
	}, nil
}

// cut asks a plant how many requests it answered since the cut before.
func (a *actor) cut() (served uint64, err error) {
	if err := a.tell(order{Cut: true}); err != nil {
		return 0, err
	}
	said, open := <-a.answers
	if !open {
		return 0, fmt.Errorf("the %s ended", a.name)
	}
	return said.Served, nil
}
