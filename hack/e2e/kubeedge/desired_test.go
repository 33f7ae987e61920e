package kubeedge

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"datastub/hack/kubeedge"
	"datastub/hack/stack"
)

// writeLimit is the promise: a desired value is in the register so soon.
const writeLimit = 3 * time.Second

// desires is how many values are desired, one after another, until one is in time:
// on a busy machine KubeEdge may take that long for itself.
const desires = 5

// TestDesired patches a desired value, and reads the register back.
func TestDesired(t *testing.T) {
	port := stack.StartPlant(t)
	s := stack.New(t)
	sub := s.Subscribe("#")
	s.StartEdgeMapper(kubeedge.Node, cluster.DMI)
	apply(t, meter{name: "valve", port: port, level: 45, desired: "11"}.text())
	holds := func(want int) {
		t.Helper()
		eventually(t, fmt.Sprintf("the register holds %d", want), func() bool { return stack.ReadRegister(t, port, 45) == strconv.Itoa(want) })
	}
	eventually(t, "values", func() bool { return len(sub.Messages("valve")) > 0 })
	const first = 11
	holds(first)
	for n := 1; ; n++ {
		kubectl(t, "patch", "device", "valve", "--type", "json", "-p",
			fmt.Sprintf(`[{"op":"replace","path":"/spec/properties/1/desired/value","value":"%d"}]`, first+n))
		begun := time.Now()
		holds(first + n)
		took := time.Since(begun)
		if took <= writeLimit {
			break
		}
		if n == desires {
			t.Fatalf("the register holds what is desired after %v at last, want %v of %d tries once", took, writeLimit, desires)
		}
	}
	stack.WriteRegister(t, port, 45, 99)
	n := len(sub.Messages("valve"))
	eventually(t, "more values", func() bool { return len(sub.Messages("valve")) > n+20 })
	if got := stack.ReadRegister(t, port, 45); got != "99" {
		t.Errorf("the register was written again, without a new desired value: it holds %s, want 99", got)
	}
}
