package mapper

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
}
