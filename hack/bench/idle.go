package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	idleDevices = 10
	idleCycle   = time.Second
	idleTime    = 2500 * time.Millisecond
)

// idle is what the programs cost when there is hardly anything to do: one
// mapper reads some devices every second. The broker has two clients, and
// nothing to do at all. A program's part of the processors is in percent of
// one of them.
func (b *bench) idle(ctx context.Context) (err error) {
	p := b.programs
	mapper, err := p.startMapper(mapperSetup{devices: idleDevices, cycle: idleCycle})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mapper.Stop(stopTime)) }()
	if err := pass(ctx, latencyWarmUp); err != nil {
		return err
	}
	processes := []watched{{"cloudsvc", p.cloudsvc.ID()}, {"mapper", mapper.ID()}, {"mosquitto", p.mosquitto.ID()}}
	var cpu, memory [3][]float64
	for range rounds {
		used, err := watch(processes)
		if err != nil {
			return err
		}
		if err := pass(ctx, idleTime); err != nil {
			return err
		}
		all, err := used()
		if err != nil {
			return err
		}
		for i, u := range all {
			cpu[i] = append(cpu[i], 100*u.CPU.Seconds()/idleTime.Seconds())
			memory[i] = append(memory[i], float64(u.MaxRSS)/(1<<20))
		}
	}
	carried := fmt.Sprintf("%d devices, each read every %v; nothing through mosquitto", idleDevices, idleCycle)
	for i, name := range []string{"cloudsvc", "mapper"} {
		b.add(newFigure("idle_cpu_"+name, "percent", lower, carried,
			newSide(name, syncAlways, cpu[i], nil), newSide("mosquitto", syncNone, cpu[2], nil)))
		b.add(newFigure("idle_rss_"+name, "MiB", lower, carried,
			newSide(name, syncAlways, memory[i], nil), newSide("mosquitto", syncNone, memory[2], nil)))
	}
	return nil
}
