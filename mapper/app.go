package mapper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/dataplane/rest"
	"datastub/mapper/socket"
)

// An Uplink is the data plane's edge end: a Publisher that runs.
type Uplink interface {
	Publisher
	// Run moves messages until ctx ends, then delivers what it can in 3 s, and
	// returns when all that it started has ended.
	Run(ctx context.Context) error
	// Settle waits, for about a second at most, until what was accepted outlives
	// the process, or it is told that it does not. An error is the context's.
	Settle(ctx context.Context) error
	// Connected tells whether cloudsvc has granted a lane a session.
	Connected(lane dataplane.Class) bool
	// Undelivered returns, after Run, how many accepted messages were not
	// delivered.
	Undelivered() int
	// Kept returns, after Run, how many of these are on disk: they are delivered
	// after the next start.
	Kept() int
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
	Source  Source   // where the devices come from
	Status  *Status  // is told how the devices are; nil: the App makes one
	Twins   Reporter // is told, too; nil: nobody else is
	Uplink  Uplink
	Pusher  Pusher               // nil: nothing is pushed
	Intake  *Intake              // where values are counted
	Metrics *prometheus.Registry // what /metrics shows; the App adds its own
	Logger  klog.Logger          // the zero one says nothing
}

// App is the whole mapper but for its flags and signals.
type App struct {
	Status *Status

	source Source
	fleet  *Fleet
	events *Events
	uplink Uplink
	pusher Pusher       // nil: nothing is pushed
	http   *rest.Server // where it is watched; nil: nowhere
	socket *rest.Server // where programs on the node publish; nil: nowhere
	linked atomic.Bool
}

// NewApp wires a mapper and binds where it serves. Run gives back what NewApp
// took.
func NewApp(options AppOptions) (*App, error) {
	if options.Source == nil {
		return nil, errors.New("mapper has no source of devices")
	}
	a := &App{
		Status: options.Status, source: options.Source, uplink: options.Uplink, pusher: options.Pusher,
		events: NewEvents(options.Uplink, &options.Intake.Events),
	}
	if a.Status == nil {
		a.Status = &Status{}
	}
	reporters := Reporters{a.Status, a.events}
	if options.Twins != nil {
		reporters = append(reporters, options.Twins)
	}
	var err error
	a.fleet, err = NewFleet(FleetOptions{
		Drivers: options.Drivers, Publisher: options.Uplink, Reporter: reporters, Pusher: options.Pusher, Tally: &options.Intake.Devices,
		Spread: DefaultSpread,
	})
	if err != nil {
		return nil, err
	}
	requests, err := a.register(options)
	if err != nil {
		return nil, err
	}
	if err := a.listen(options, requests); err != nil {
		return nil, err
	}
	return a, nil
}

// listen binds what the config says, and has the socket's requests counted.
func (a *App) listen(options AppOptions, requests *prometheus.CounterVec) error {
	config := &options.Config
	if config.HTTP != "" {
		listener, err := listenHTTP(config.HTTP)
		if err != nil {
			return err
		}
		a.http = newServer(listener, a.watchAPI(options), options.Logger)
		options.Logger.Info("Serving /healthz, /readyz, /status, /metrics and /api/v1", "http", "http://"+listener.Addr().String(),
			"remoteDevices", config.DeviceAPI.Remote, "getWrites", config.DeviceAPI.GetWrites)
	}
	if config.DataPlane.Socket == "" {
		return nil
	}
	listener, err := socket.Listen(config.DataPlane.Socket)
	if err != nil {
		if a.http != nil {
			a.http.Close()
		}
		return fmt.Errorf("dataplane.socket: %w", err)
	}
	listener.Log = options.Logger
	publish := newPublishAPI(a.uplink, a.uplink.Settle, &options.Intake.Socket, config.Node, config.DataPlane.Defaults.Class)
	a.socket = newServer(listener, promhttp.InstrumentHandlerCounter(requests, newAPI(options.Logger,
		operation{method: http.MethodPost, pattern: "/publish", handle: publish.publish},
		operation{method: http.MethodGet, pattern: "/healthz", handle: health},
	)), options.Logger)
	options.Logger.Info("Taking messages of programs on this node", "socket", config.DataPlane.Socket)
	return nil
}

// watchAPI is for those who watch the mapper, and for those who read and write
// its devices.
func (a *App) watchAPI(options AppOptions) *api {
	metrics := promhttp.HandlerFor(options.Metrics, promhttp.HandlerOpts{})
	watch := []operation{
		{method: http.MethodGet, pattern: "/healthz", handle: health},
		{method: http.MethodGet, pattern: "/readyz", handle: a.ready},
		{method: http.MethodGet, pattern: "/status", handle: a.overview(&options.Config)},
		{method: http.MethodGet, pattern: "/metrics", handle: func(w http.ResponseWriter, r *http.Request) error {
			metrics.ServeHTTP(w, r)
			return nil
		}},
	}
	config := &options.Config
	devices := newDeviceAPI(a.fleet, config.DeviceAPI, options.Logger)
	api := newAPI(options.Logger, append(watch, devices.operations()...)...)
	api.local = isLoopbackHost(config.HTTP) && !config.DeviceAPI.Remote
	return api
}

// ready answers GET /readyz: cloudsvc has taken the mapper in since it
// started. It stays ready when cloudsvc is away later, as it goes on reading
// and keeps what it reads; a new version or config whose uplink never works is
// not ready, and a rollout stops there.
func (a *App) ready(w http.ResponseWriter, _ *http.Request) error {
	if a.uplink.Connected(dataplane.RT) {
		a.linked.Store(true)
	}
	if !a.linked.Load() {
		return fmt.Errorf("%w: cloudsvc has not answered at dataplane.uplink since the mapper started; what is read is kept meanwhile", errNotReady)
	}
	return rest.WriteJSON(w, http.StatusOK, healthReply{"ready"})
}

// Run runs the mapper until ctx ends or a part of it cannot go on. Then it
// stops the devices and the socket, and after them the uplink and the pusher,
// which deliver what was taken last. The last log line tells what was not
// delivered.
func (a *App) Run(ctx context.Context) error {
	log := klog.FromContext(ctx)
	feeding, stopFeeding := context.WithCancel(ctx)
	defer stopFeeding()
	// The uplink outlives ctx, bounded by its own limit, to drain.
	sending, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSending()

	feeds := []run{func(ctx context.Context) error { return a.source.Run(ctx, a.fleet) }, a.fleet.Run, a.events.Run}
	if a.socket != nil {
		feeds = append(feeds, a.socket.Run)
	}
	sends := []run{a.uplink.Run}
	if a.pusher != nil {
		sends = append(sends, a.pusher.Run)
	}
	if a.http != nil {
		sends = append(sends, a.http.Run)
	}
	ended := make(chan struct{}, len(feeds)+len(sends)) // one for each part: none waits to say so
	fed, sent := start(feeding, ended, feeds), start(sending, ended, sends)
	select {
	case <-ctx.Done():
	case <-ended: // a part cannot go on; what it returned says why
	}
	stopping := time.Now()
	stopFeeding()
	err := fed()
	stopSending()
	err = errors.Join(err, sent())

	counts := a.fleet.Counts()
	log.Info("Mapper has stopped", "undelivered", a.uplink.Undelivered(), "kept", a.uplink.Kept(),
		"dropped", a.uplink.Dropped(), "lanDropped", a.uplink.LANDropped(), "refused", counts.Refused,
		"collected", counts.Collected, "skipped", counts.Skipped, "took", time.Since(stopping).Round(time.Millisecond))
	return err
}

// A run works until its context ends, or it cannot go on.
type run func(ctx context.Context) error

// start starts parts of the app. Each notes in ended when it has; wait waits
// for all and returns their errors, joined.
func start(ctx context.Context, ended chan<- struct{}, parts []run) (wait func() error) {
	errs := make(chan error, len(parts)) // each part has one
	for _, part := range parts {
		go func() {
			errs <- part(ctx)
			ended <- struct{}{}
		}()
	}
	return func() error {
		var all []error
		for range parts {
			all = append(all, <-errs)
		}
		return errors.Join(all...)
	}
}
