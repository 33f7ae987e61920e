package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"datastub/cloudsvc"
	"datastub/cloudsvc/natslog"
	"datastub/cloudsvc/webhook"
	"datastub/dataplane/build"
	"datastub/dataplane/zmq"
)

// openTime bounds how long the log may take to open, and to tell of durable
// subscriptions. What is read of the log takes as long as it is large.
const openTime = 2 * time.Minute

// sourceQueue is how many messages of a producer ZeroMQ may hold for us: it is
// emptied at once, and each may have cloudsvc.MaxProducedFrame.
const sourceQueue = 4

// service is cloudsvc put together.
type service struct {
	log       *natslog.Log
	ingest    *cloudsvc.Ingest
	router    *zmq.Router
	producers *cloudsvc.Producers
	sources   *zmq.Subscriber // where producers are read
	sender    *webhook.Sender
	hooks     *cloudsvc.Hooks
	server    *cloudsvc.Server
	where     string // the log is
}

// newService opens the log and binds the sockets.
func newService(ctx context.Context, config cloudsvc.Config) (_ *service, err error) {
	s := &service{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	options := natslog.Options{Dir: config.Data, SyncInterval: config.Sync.Interval(), Retention: config.Retention, DeadLetterBytes: config.DeadLetters.MaxBytes, Logger: klog.FromContext(ctx)}
	lag := config.Sync.Lag()
	s.where = "folder " + config.Data
	if config.NATSURL != "" {
		options.Dir, options.URL = "", config.NATSURL
		s.where, lag = "NATS cluster", config.NATSSyncInterval
	}
	if err := s.openLog(ctx, options); err != nil {
		return nil, err
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(build.Read(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry := cloudsvc.NewRegistry(cloudsvc.RegistryOptions{Logger: klog.FromContext(ctx)})
	metrics.MustRegister(registry)
	s.ingest, err = cloudsvc.NewIngest(ctx, cloudsvc.IngestOptions{
		Log: s.log, Marks: s.log, Eras: s.log, MaxFrame: s.log.MaxFrame(), DurableLag: lag, Shelves: s.log.Shelves(), Registry: registry,
		Metrics: cloudsvc.NewMetrics(metrics), Logger: klog.FromContext(ctx),
	})
	if err != nil {
		return nil, err
	}
	metrics.MustRegister(s.ingest)
	if s.router, err = zmq.NewRouter(config.Uplink); err != nil {
		return nil, err
	}
	s.ingest.Connect(s.router.Send)
	addresses := cloudsvc.NewAddressRule(config.WebhookAllow, net.DefaultResolver)
	if err := s.openProducers(registry, addresses, klog.FromContext(ctx)); err != nil {
		return nil, err
	}
	metrics.MustRegister(s.producers)
	if err := s.openHooks(ctx, &config, addresses, metrics, klog.FromContext(ctx)); err != nil {
		return nil, err
	}
	api, err := cloudsvc.NewAPI(cloudsvc.APIOptions{
		Registry: registry, Publisher: s.ingest, Dispatcher: s.ingest.Dispatcher(), Gaps: s.ingest, Ledger: s.ingest, Hooks: s.hooks,
		Ready: s.ingest.Ready, Addresses: addresses,
		Metrics: promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}), Logger: klog.FromContext(ctx),
	})
	if err != nil {
		return nil, err
	}
	if s.server, err = cloudsvc.NewServer(config.HTTP, api); err != nil {
		return nil, err
	}
	return s, nil
}

// openLog opens the log in bounded time.
func (s *service) openLog(ctx context.Context, o natslog.Options) (err error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	s.log, err = natslog.Open(ctx, o)
	return err
}

// openProducers prepares to read producers, at addresses that a rule allows.
func (s *service) openProducers(registry *cloudsvc.Registry, addresses *cloudsvc.AddressRule, log klog.Logger) (err error) {
	s.producers, err = cloudsvc.NewProducers(cloudsvc.ProducersOptions{Registry: registry, Ingest: s.ingest, Logger: log})
	if err != nil {
		return err
	}
	s.sources, err = zmq.NewSubscriber(zmq.SubscriberOptions{
		Receive: s.producers.Receive, Changed: s.producers.Changed, Resolve: addresses.Resolve,
		Queue: sourceQueue, MaxFrame: cloudsvc.MaxProducedFrame,
	})
	return err
}

// openHooks loads the durable subscriptions, to send at addresses that a rule
// allows, to whom the system or a file of authorities vouches for.
func (s *service) openHooks(ctx context.Context, config *cloudsvc.Config, addresses *cloudsvc.AddressRule, metrics prometheus.Registerer, log klog.Logger) (err error) {
	roots, err := webhook.Roots(config.WebhookCA)
	if err != nil {
		return fmt.Errorf("webhookCA: %w", err)
	}
	s.sender, err = webhook.NewSender(webhook.SenderOptions{
		Dial: webhook.Guard(addresses).DialContext, Agent: "datastub-cloudsvc", Origin: config.WebhookOrigin, Roots: roots,
	})
	if err != nil {
		return err
	}
	metrics.MustRegister(s.sender)
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	s.hooks, err = cloudsvc.NewHooks(ctx, cloudsvc.HooksOptions{
		Dispatcher: s.ingest.Dispatcher(), Store: s.log, DeadLetters: s.log, Sender: s.sender, Handshaker: s.sender,
		Events: s.ingest, Retention: s.log, LetterAge: config.DeadLetters.MaxAge, Logger: log,
	})
	if err != nil {
		return err
	}
	metrics.MustRegister(s.hooks)
	return nil
}

// close gives back what newService took, when run will not.
func (s *service) close() {
	if s.router != nil {
		s.router.Close()
	}
	if s.sources != nil {
		s.sources.Close()
	}
	if s.log != nil {
		s.log.Close()
	}
}

// run works until ctx ends or a part fails. The parts end in the order in
// which messages pass them, so that what was accepted is stored, and what is
// stored is acknowledged.
func (s *service) run(ctx context.Context) error {
	defer s.log.Close()
	// The router outlives the rest, to send the last acks; its end is ours.
	routing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	routed := make(chan error, 1) // the router's one result, so that it never waits for us
	ended, end := context.WithCancelCause(ctx)
	defer end(nil)
	go func() {
		err := s.router.Run(routing, s.ingest)
		if err != nil {
			end(err)
		}
		routed <- err
	}()
	g, working := errgroup.WithContext(ended)
	// Ingest outlives the producers, to store what was taken of them, and what the
	// subscriptions tell: dead letters are made until the last try has ended.
	ingesting, done := context.WithCancel(context.WithoutCancel(ctx))
	defer done()
	g.Go(func() error { return s.sources.Run(working) })
	g.Go(func() error {
		defer done()
		err := s.producers.Run(working, s.sources)
		<-s.hooks.Told()
		return err
	})
	g.Go(func() error { return s.ingest.Run(ingesting) })
	g.Go(func() error { return s.server.Run(working) })
	g.Go(func() error { return s.log.Run(working) })
	g.Go(func() error {
		defer s.sender.Close()
		return s.hooks.Run(working)
	})
	err := g.Wait()
	stop()
	err = errors.Join(err, <-routed)
	switch {
	case errors.Is(err, cloudsvc.ErrFenced):
		return fmt.Errorf("%w: only one may run on a log until replicas are there", err)
	case errors.Is(err, cloudsvc.ErrTruncated):
		return fmt.Errorf("%w: start cloudsvc again, and publishers will send what they still have", err)
	}
	return err
}
