package kubeedge

import (
	"testing"
	"time"

	"datastub/hack/kubeedge"
	"datastub/hack/stack"
)

// writeLimit is the promise: a desired value is in the register so soon.
const writeLimit = 3 * time.Second

// TestDesired patches a desired value, and reads the register back.
func TestDesired(t *testing.T) {
	port := stack.StartPlant(t)
	s := stack.New(t)
	sub := s.Subscribe("#")
	s.StartEdgeMapper(kubeedge.Node, cluster.DMI)
	apply(t, meter{name: "valve", port: port, level: 45, desired: "11"}.text())
	holds := func(want string) {
		t.Helper()
		stack.Within(t, writeLimit, "the register holds "+want, func() bool { return stack.ReadRegister(t, port, 45) == want })
	}
	stack.Eventually(t, "values", func() bool { return len(sub.Messages("valve")) > 0 })
	holds("11")
	kubectl(t, "patch", "device", "valve", "--type", "json", "-p", `[{"op":"replace","path":"/spec/properties/1/desired/value","value":"12"}]`)
	holds("12")
	stack.WriteRegister(t, port, 45, 13)
	n := len(sub.Messages("valve"))
	stack.Eventually(t, "more values", func() bool { return len(sub.Messages("valve")) > n+20 })
	if got := stack.ReadRegister(t, port, 45); got != "13" {
		t.Errorf("the register was written again, without a new desired value: it holds %s, want 13", got)
	}
}
