package kubeedge

import (
	"testing"
	"time"

	"datastub/hack/kubeedge"
	"datastub/hack/poll"
	"datastub/hack/stack"
)

// twinLimit is how old a twin may be.
const twinLimit = 2 * time.Minute

// TestTwin: what a register holds shows in DeviceStatus, and so does its change.
func TestTwin(t *testing.T) {
	port := stack.StartPlant(t)
	stack.WriteRegister(t, port, 40, 235)
	stack.New(t).StartEdgeMapper(kubeedge.Node, cluster.DMI)
	apply(t, meter{name: "twinned", port: port}.text())
	shows := func(want string) {
		t.Helper()
		poll.Within(t, twinLimit, "DeviceStatus shows "+want, func() bool { return reported(t, "twinned", "temperature") == want })
	}
	shows("23.5")
	stack.WriteRegister(t, port, 40, 240)
	shows("24")
	poll.Within(t, twinLimit, "the device is online", func() bool {
		state := readStatus(t, "twinned").Status.State
		return state == "ok" || state == "online"
	})
}

// awaitTwin waits until another value of a property is reported than before.
func awaitTwin(t *testing.T, what, device, property string) {
	t.Helper()
	before := reported(t, device, property)
	poll.Within(t, twinLimit, what, func() bool {
		now := reported(t, device, property)
		return now != "" && now != before
	})
}
