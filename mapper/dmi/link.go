package dmi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"datastub/mapper"
	"datastub/mapper/socket"
)

// DefaultRenewal is how often a Link registers again. All mappers of a node
// together have one request a second.
const DefaultRenewal = time.Minute

// Options are what a Link needs.
type Options struct {
	Registrations []mapper.Registration // one a protocol
	Version       string                // of the mapper, for people
	APIVersion    string                // the same
	EdgeCore      string                // path of EdgeCore's socket
	Renewal       time.Duration         // DefaultRenewal if 0
	Defaults      mapper.Rules          // what holds where a Device says nothing
	Vet           mapper.Vet            // what the drivers say of a device
	Witness       Witness               // nil: nobody watches
	Logger        klog.Logger           // the zero one says nothing
}

func (o *Options) validate() error {
	switch {
	case len(o.Registrations) == 0:
		return errors.New("link to EdgeCore has no registrations: want one a protocol")
	case o.EdgeCore == "":
		return errors.New("link to EdgeCore has no path: want that of EdgeCore's socket")
	case o.Vet == nil:
		return errors.New("link to EdgeCore has no vet: want that of the drivers")
	}
	return nil
}

// A Link is a mapper.Source whose devices EdgeCore tells. While EdgeCore is
// away, those that it told go on.
type Link struct {
	options   Options
	edge      *edge
	listeners []*socket.Listener // one a registration
	pacer     *pacer
	twins     *twins
}

var _ mapper.Source = (*Link)(nil)

// New binds the sockets that EdgeCore is to call. EdgeCore need not be there
// yet. Run gives back what New took, or Close where Run is not called.
func New(options Options) (*Link, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	if options.Renewal == 0 {
		options.Renewal = DefaultRenewal
	}
	if options.Witness == nil {
		options.Witness = nobody{}
	}
	l := &Link{options: options}
	for _, r := range options.Registrations {
		listener, err := socket.Listen(r.Socket)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("grpc_server.socket_path: %w", err)
		}
		listener.Log = options.Logger
		l.listeners = append(l.listeners, listener)
	}
	var err error
	if l.edge, err = newEdge(options.EdgeCore); err != nil {
		l.Close()
		return nil, err
	}
	l.pacer = newPacer(time.Now)
	l.twins = newTwins(l.edge, l.pacer, options.Witness, options.Logger)
	return l, nil
}

// Twins returns what reports to EdgeCore while Run runs.
func (l *Link) Twins() mapper.Reporter { return l.twins }

// Close gives back what New took, where Run is not called.
func (l *Link) Close() {
	for _, listener := range l.listeners {
		_ = listener.Close()
	}
	if l.edge != nil {
		_ = l.edge.Close()
	}
}

// Run implements mapper.Source. It is called once.
func (l *Link) Run(ctx context.Context, target mapper.Target) error {
	defer func() { _ = l.edge.Close() }()
	roster := newRoster(target, l.options)
	group, ctx := errgroup.WithContext(ctx)
	var registrars []*registrar
	for i, one := range l.options.Registrations {
		r := l.newRegistrar(one, roster)
		registrars = append(registrars, r)
		s := newServer(l.listeners[i], &service{protocol: one.Protocol, roster: roster, twins: l.twins, ask: r.ask, inquire: r.inquire})
		group.Go(func() error { return s.run(ctx) })
		group.Go(func() error { r.run(ctx); return nil })
		group.Go(func() error { r.answerInquiries(ctx); return nil })
	}
	group.Go(func() error { return l.twins.Run(ctx) })
	group.Go(func() error {
		l.edge.watch(ctx, func() {
			l.twins.again()
			for _, r := range registrars {
				r.ask()
			}
		})
		return nil
	})
	return group.Wait()
}

func (l *Link) newRegistrar(one mapper.Registration, roster *roster) *registrar {
	o := l.options
	return &registrar{
		Registration: one, version: o.Version, apiVersion: o.APIVersion, every: o.Renewal,
		edge: l.edge, pacer: l.pacer, roster: roster, witness: o.Witness, logger: o.Logger,
		asked: make(chan struct{}, 1), inquired: make(chan struct{}, 1), first: true,
	}
}
