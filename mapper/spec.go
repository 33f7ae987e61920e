package mapper

import (
	"cmp"
	"time"

	"datastub/driver"
)

// A Key names a device.
type Key struct{ Namespace, Name string }

// String returns <namespace>/<name>.
func (k Key) String() string { return k.Namespace + "/" + k.Name }

// compare orders keys by namespace, then by name.
func (k Key) compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Namespace, other.Namespace), cmp.Compare(k.Name, other.Name))
}

// A Spec is one device as the fleet runs it: its CR and its model's in one,
// with all defaults filled in. It is not changed once it is made; two are the
// same device's same configuration if reflect.DeepEqual says so.
type Spec struct {
	Key        Key
	Model      string          // the model's name
	Protocol   string          // names the driver
	Settings   driver.Settings // the device's, without those of Rules
	Properties []Property      // in the order of the Device
}

// A Property is one property of a Spec.
type Property struct {
	Point         driver.PointConfig // its name, type and the driver's settings
	Unit          string
	CollectCycle  time.Duration // how often it is read
	ReportCycle   time.Duration // how often its newest value is reported
	ReportToCloud bool          // whether it is reported at all
	Rules         Rules         // how it is published; Topic is filled in and valid
}
