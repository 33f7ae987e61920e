package modbus

import (
	"context"
	"math/rand/v2"
	"net"
	"time"

	"datastub/driver"
)

var _ driver.Driver = (*Driver)(nil)

// Options are what a Driver needs. The zero value is good.
type Options struct {
	Now  func() time.Time // nil is time.Now
	Rand func() float64   // from 0 to below 1, from any goroutine; nil is math/rand/v2's

	// Dial connects to a device and returns soon after ctx ends; nil is a
	// net.Dialer's, with keep-alives. The network is always tcp.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	port func(path string, c serialConfig) (conn, error) // opens a serial port; nil is openSerial
}

// A Driver opens Modbus devices.
type Driver struct {
	lines *lines
}

// New returns a driver.
func New(options Options) *Driver {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Rand == nil {
		options.Rand = rand.Float64
	}
	if options.Dial == nil {
		options.Dial = newDialer().DialContext
	}
	if options.port == nil {
		options.port = openSerial
	}
	return &Driver{lines: newLines(options)}
}

// newDialer has connections end that a cable, a switch or a firewall has cut,
// also where nothing is sent: after 25 s.
func newDialer() *net.Dialer {
	return &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3,
	}}
}

// Open checks a device's settings, as the package documents them.
func (d *Driver) Open(name string, settings driver.Settings) (driver.Device, error) {
	r := settings.Reader()
	config, bounds := readConfig(r), readBounds(r)
	order := readOrder(r, order{})
	if err := r.Err(); err != nil {
		return nil, err
	}
	return &device{
		name:   name,
		unread: r.Unread(),
		unit:   d.lines.open(name, config),
		order:  order,
		bounds: bounds,
	}, nil
}
