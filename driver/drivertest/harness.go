package drivertest

import (
	"testing"
	"time"

	"datastub/driver"
)

// A Harness is a driver and what the suite needs to know of the devices that
// the driver's test has set up for it.
type Harness struct {
	Driver   driver.Driver
	Settings driver.Settings  // of a device that answers
	Points   []Known          // two at least, of that device
	Writable Writable         // one point more
	ReadOnly Known            // one that says ErrReadOnly
	Now      func() time.Time // the driver's clock; nil is time.Now

	BadSettings []Bad // of devices; none if the driver refuses no device
	BadPoints   []Bad // of points

	// Away makes the device unreachable and Back reachable again; they return
	// when it is so. Recovery is how long after Back a device that is read all
	// the time may need. All unset: this protocol's devices are always there.
	Away, Back func(t *testing.T)
	Recovery   time.Duration

	// Observed is a point that the device, an Observer, tells of by itself. Unset:
	// this protocol's devices only answer.
	Observed *Observed

	// Silent sets up a device that takes requests and never answers. It returns
	// its settings, which must allow it ten seconds to answer, the settings of a
	// point, and a channel that gets a value for each request taken. Unset: this
	// protocol has nothing to wait for.
	Silent func(t *testing.T) (driver.Settings, driver.PointConfig, <-chan struct{})
}

// Known is a point and the value that it has.
type Known struct {
	Config driver.PointConfig
	Want   any // compared by reflect.DeepEqual; nil: any value of the type
}

// Writable is a point and two values to write to it, in this order.
type Writable struct {
	Config driver.PointConfig
	Values [2]any
}

// Observed is a point that is set up to be observed, and how it is changed.
type Observed struct {
	Config driver.PointConfig
	Values [3]any // that it is changed to, in this order, each other than the one before
	Change func(t *testing.T, value any)
}

// Bad is one set of settings that must be refused.
type Bad struct {
	Name     string
	Settings driver.Settings
	Type     driver.Type // of a point; empty for a device
	Keys     []string    // of the SettingErrors, all of them, in any order
}
