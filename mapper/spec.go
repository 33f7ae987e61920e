package mapper

import (
	"cmp"
	"time"

	"github.com/kubeedge/api/apis/devices/v1beta1"

	"datastub/driver"
)

// A Key names a device.
type Key struct{ Namespace, Name string }

// String returns <namespace>/<name>.
func (k Key) String() string { return k.Namespace + "/" + k.Name }

// Compare orders keys by namespace, then by name.
func (k Key) Compare(other Key) int {
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
	Methods    []Method
	// Declared are all properties of the model as it has them; nil: it is not
	// known. The device runs by Properties.
	Declared []v1beta1.ModelProperty
	// StateReport is how EdgeCore is to hear of the device's state.
	StateReport StateReport
	// Faults are what is wrong with the CRs: the device is unhealthy for as long
	// as it has one. Properties with a fault are not among Properties, but for
	// those that only a push has been left out of.
	Faults []Fault
	// Void says that the faults are the device's own: nothing of it can run.
	Void bool
}

// A StateReport says how a device's state is reported to the cloud. The zero
// one leaves it to the reporter: each change, and now and then.
type StateReport struct {
	Off   bool          // not at all
	Cycle time.Duration // how often, beside each change; 0: as the reporter likes
}

// A Method is a set of properties that may be written by one name.
type Method struct {
	Name        string
	Description string
	Properties  []string // their names, as the Device gives them
}

// A Property is one property of a Spec.
type Property struct {
	Point         driver.PointConfig // its name, type and the driver's settings
	Unit          string
	CollectCycle  time.Duration // how often it is read
	ReportCycle   time.Duration // how often its newest value is reported, and pushed
	ReportToCloud bool          // whether it is reported at all
	Desired       string        // what the device is to hold, as the Device says it; empty: nothing is written
	Rules         Rules         // how it is published; Topic is filled in and valid
	Push          Push          // where else it is sent
}

// reportCycle is ReportCycle, or 0 where nothing is reported.
func (p *Property) reportCycle() time.Duration {
	if !p.ReportToCloud {
		return 0
	}
	return p.ReportCycle
}

// pushCycle is ReportCycle, or 0 where nothing is pushed.
func (p *Property) pushCycle() time.Duration {
	if p.Push == (Push{}) {
		return 0
	}
	return p.ReportCycle
}
