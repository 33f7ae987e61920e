package coap

import (
	"math/rand/v2"
	"time"

	"datastub/driver"
)

var _ driver.Driver = (*Driver)(nil)

// Options are what a Driver needs. The zero value is good.
type Options struct {
	Now  func() time.Time // nil is time.Now
	Rand func() float64   // from 0 to below 1, from any goroutine; nil is math/rand/v2's
}

// A Driver opens CoAP devices.
type Driver struct {
	options Options
}

// New returns a driver.
func New(options Options) *Driver {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Rand == nil {
		options.Rand = rand.Float64
	}
	return &Driver{options: options}
}

// Open checks a device's settings, as the package documents them.
func (d *Driver) Open(name string, settings driver.Settings) (driver.Device, error) {
	r := settings.Reader()
	config := readConfig(r)
	if err := r.Err(); err != nil {
		return nil, err
	}
	return newDevice(name, config, d.options, r.Unread()), nil
}
