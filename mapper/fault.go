package mapper

import (
	"fmt"
	"slices"
)

// A Fault is one thing that is wrong with a device.
type Fault struct {
	Property string `json:"property,omitempty"` // whose it is; empty: of the device itself
	Model    string `json:"model,omitempty"`    // names the DeviceModel where it is missing, which is the fault
	Reason   string `json:"reason"`             // all of it, on one line: which field or property, the value and what would be right
}

var _ error = Fault{}

// Error returns the reason.
func (f Fault) Error() string { return f.Reason }

// distinct leaves out what is the same fault as the one before it, of another
// property.
func distinct(faults []Fault) []Fault {
	return slices.CompactFunc(slices.Clone(faults), func(a, b Fault) bool { return a.Reason == b.Reason })
}

// summary returns the first of what is wrong, and how much more there is.
func summary(faults []Fault) string {
	faults = distinct(faults)
	if len(faults) == 1 {
		return faults[0].Reason
	}
	return fmt.Sprintf("%s (and %d more)", faults[0].Reason, len(faults)-1)
}
