package doctor

import (
	"context"
	"errors"
	"net/http"
	"time"

	"datastub/mapper"
)

// checkLimit is how long one thing may take to answer.
const checkLimit = 2 * time.Second

// Options are what a Doctor needs.
type Options struct {
	Config  string         // path of the mapper's config
	Drivers mapper.Drivers // those that the mapper has
	// Probe tells whether EdgeCore answers at its socket before ctx ends.
	Probe func(ctx context.Context, path string) error
	Now   func() time.Time
}

func (o *Options) validate() error {
	switch {
	case o.Config == "":
		return errors.New("doctor has no config: want its path")
	case o.Probe == nil:
		return errors.New("doctor has no probe of EdgeCore")
	case o.Now == nil:
		return errors.New("doctor has no clock")
	}
	return nil
}

// A Doctor looks at one mapper.
type Doctor struct {
	options Options
	client  *http.Client
}

// New returns a Doctor.
func New(options Options) (*Doctor, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	return &Doctor{options: options, client: &http.Client{Timeout: checkLimit}}, nil
}

// Examine looks at everything, for some seconds at the most, and returns what it
// found, from the config to the cloud. Where the config cannot be read there is
// nothing else to look at.
func (d *Doctor) Examine(ctx context.Context) []Finding {
	defer d.client.CloseIdleConnections()
	found := d.config()
	config, err := mapper.LoadConfig(d.options.Config)
	if err != nil {
		return found
	}
	if config.Devices.Source == mapper.FromEdgeCore {
		found = append(found, d.edgeCore(ctx, config.Common.EdgeCoreSock))
		for _, r := range config.Registrations() {
			found = append(found, socketFolder(r.Socket, readMounts()))
		}
	}
	overview, running := d.running(ctx, &config)
	found = append(found, running)
	if overview != nil {
		now := d.options.Now()
		if config.Devices.Source == mapper.FromEdgeCore {
			found = append(found, registrations(overview, config.Common.Protocols, now)...)
		}
		found = append(found, devices(overview, config.Common.Protocols, now)...)
	}
	uplink := d.uplink(ctx, config.DataPlane.Uplink.Address)
	found = append(found, uplink)
	if overview != nil {
		found = append(found, session(overview, uplink.Verdict))
	}
	found = append(found, d.cloud(ctx, config.DataPlane.Registry)...)
	return append(found, spool(&config.DataPlane.Spool))
}
