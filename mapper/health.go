package mapper

import "slices"

// A State is how a device is, in KubeEdge's words.
type State string

// The states of a device.
const (
	Online    State = "online"    // every property has a value
	Offline   State = "offline"   // the device does not answer
	Unhealthy State = "unhealthy" // it answers, but something is wrong: see the reason
)

// Health is a device's state and why it is so.
type Health struct {
	State  State
	Reason string // empty when online
	// Faults are all that is wrong with the device's CRs and with its properties,
	// as far as it is known: while it is offline, as they were read last.
	Faults []Fault
}

// Equal tells whether two say the same.
func (h Health) Equal(other Health) bool {
	return h.State == other.State && h.Reason == other.Reason && slices.Equal(h.Faults, other.Faults)
}
