package kubeedge

import (
	"os"
	"testing"

	"datastub/hack/kubeedge"
	"datastub/hack/poll"
	"datastub/hack/stack"
)

// TestVirtualExample does as README says under 'On your KubeEdge cluster', to the
// look at the twins: KubeEdge shows only those that the Device asks for.
func TestVirtualExample(t *testing.T) {
	text, err := os.ReadFile("../../../resource/examples/virtual.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := stack.New(t)
	s.StartEdgeMapper(kubeedge.Node, cluster.DMI)
	apply(t, string(text))
	for _, property := range []string{"sine", "ramp", "square", "counter", "walk", "constant"} {
		poll.Within(t, twinLimit, "DeviceStatus shows "+property, func() bool { return reported(t, "signals-1", property) != "" })
	}
}
