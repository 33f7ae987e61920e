package driver

import (
	"context"
	"errors"
)

// ErrUnreachable says that a device as a whole could not be asked: no
// connection, no answer in time, or a back-off after such a failure. It is
// wrapped in an error that tells the address and the cause.
var ErrUnreachable = errors.New("device unreachable")

// ErrReadOnly says that a point cannot be written.
var ErrReadOnly = errors.New("point is read-only")

// ErrValue says that a point cannot hold a value, whatever the device says: it
// is of another type, too large or too long. It is wrapped in an error that
// tells the value and what would be right.
var ErrValue = errors.New("value does not fit the point")

// A Driver opens the devices of one protocol. Its methods may be called
// from many goroutines.
type Driver interface {
	// Open checks the settings of one device and returns it. It does no IO: a
	// device that is switched off opens well, and its reads tell. All problems
	// with the settings are reported together, joined, each a *SettingError.
	Open(name string, settings Settings) (Device, error)
}

// A Device is one opened device. Read and Write may be called from different
// goroutines; the device serializes what its bus cannot take at once. Close
// ends a call that is under way and every later one.
type Device interface {
	// Point checks the settings of one property and returns its address on the
	// device. It does no IO. All problems are reported together, joined, each a
	// *SettingError.
	Point(config PointConfig) (Point, error)

	// Read reads the points, in as few requests as the protocol allows, and
	// returns one Reading a point in the same order. The error is not nil only
	// if the device as a whole did not answer; it wraps ErrUnreachable then, or
	// is the context's, and there are no readings. Read returns soon after ctx
	// ends. Points of another device make it panic.
	Read(ctx context.Context, points []Point) ([]Reading, error)

	// Write writes one value, of a type that the point's Type names, and
	// returns when the device has confirmed it. It wraps ErrReadOnly, ErrValue
	// or ErrUnreachable where they apply. Min and max, where a point has them,
	// are the caller's to heed.
	Write(ctx context.Context, point Point, value any) error

	// Close gives back what the device holds. It is called once.
	Close() error
}

// An Unreader is a Device or a Point that tells which of its settings mean
// nothing to it. A driver refuses no setting for its key alone, for CRs carry
// keys of other programs; the host warns of them once, but for its own.
type Unreader interface {
	// Unread returns the keys as they were given, sorted.
	Unread() []string
}
