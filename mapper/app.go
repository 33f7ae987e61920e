package mapper

import (
	"context"
	"errors"
	"time"

	"k8s.io/klog/v2"
)

// An Uplink is the data plane's edge end: a Publisher that runs.
type Uplink interface {
	Publisher
	// Run moves messages until ctx ends, then delivers what it can in 4 s, and
	// returns when all that it started has ended.
	Run(ctx context.Context) error
	// Undelivered returns, after Run, how many accepted messages were not
	// delivered.
	Undelivered() int
	// Dropped returns how many accepted messages were dropped because too many
	// waited.
	Dropped() int
	// LANDropped returns how many messages the applications on the LAN could
	// not get, because they came too fast.
	LANDropped() int
}

// AppOptions are what an App needs. Config is one that LoadConfig returned.
type AppOptions struct {
	Config  Config
	Drivers Drivers
	Uplink  Uplink
}

// App is the whole mapper but for its flags and signals.
type App struct {
	Status *Status

	source Source
	fleet  *Fleet
	uplink Uplink
}

// NewApp wires a mapper. It starts nothing.
func NewApp(options AppOptions) (*App, error) {
	source, err := NewFolder(FolderOptions{
		Dir:      options.Config.Devices.Folder,
		Defaults: options.Config.DataPlane.Defaults,
		Vet:      options.Drivers.Vet,
	})
	if err != nil {
		return nil, err
	}
	status := &Status{}
	fleet, err := NewFleet(FleetOptions{Drivers: options.Drivers, Publisher: options.Uplink, Reporter: status})
	if err != nil {
		return nil, err
	}
	return &App{Status: status, source: source, fleet: fleet, uplink: options.Uplink}, nil
}

// Run runs the mapper until ctx ends or a part of it cannot go on. Then it
// stops the devices, and after them the uplink, which delivers what was read
// last. The last log line tells what was not delivered.
func (a *App) Run(ctx context.Context) error {
	log := klog.FromContext(ctx)
	devices, stopDevices := context.WithCancel(ctx)
	defer stopDevices()
	// The uplink outlives ctx, bounded by its own limit, to drain.
	uplink, stopUplink := context.WithCancel(context.WithoutCancel(ctx))
	defer stopUplink()

	ended := make(chan struct{}, 3) // one for each part: none waits to say so
	source := start(devices, ended, func(ctx context.Context) error { return a.source.Run(ctx, a.fleet) })
	fleet := start(devices, ended, a.fleet.Run)
	up := start(uplink, ended, a.uplink.Run)
	select {
	case <-ctx.Done():
	case <-ended: // a part cannot go on; what it returned says why
	}
	stopping := time.Now()
	stopDevices()
	errs := []error{<-source, <-fleet}
	stopUplink()
	errs = append(errs, <-up)

	counts := a.fleet.Counts()
	log.Info("Mapper has stopped", "undelivered", a.uplink.Undelivered(),
		"dropped", a.uplink.Dropped(), "lanDropped", a.uplink.LANDropped(), "refused", counts.Refused,
		"collected", counts.Collected, "skipped", counts.Skipped, "took", time.Since(stopping).Round(time.Millisecond))
	return errors.Join(errs...)
}

// start runs a part of the app. Its error comes on the channel, after it was
// noted in ended.
func start(ctx context.Context, ended chan<- struct{}, run func(context.Context) error) <-chan error {
	done := make(chan error, 1) // taken later
	go func() {
		done <- run(ctx)
		ended <- struct{}{}
	}()
	return done
}
