package virtual

import (
	"time"

	"datastub/driver"
)

var _ driver.Driver = (*Driver)(nil)

// Options are what a Driver needs. The zero value is good.
type Options struct {
	Now func() time.Time // nil is time.Now
}

// A Driver opens virtual devices.
type Driver struct {
	now func() time.Time
}

// New returns a driver.
func New(options Options) *Driver {
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Driver{now: options.Now}
}

// Open returns a device whose signals begin now.
func (d *Driver) Open(name string, settings driver.Settings) (driver.Device, error) {
	device, err := newDevice(name, settings, d.now)
	if err != nil {
		return nil, err
	}
	return device, nil
}
