package kubeedge

import (
	"os"
	"strings"
	"testing"

	"datastub/dataplane"
	"datastub/hack/kubeedge"
	"datastub/hack/poll"
	"datastub/hack/stack"
)

// TestDemo applies the CRs of KubeEdge's temperature sensor demo, with the port of
// the plant, and nothing else changed.
func TestDemo(t *testing.T) {
	port := stack.StartPlant(t)
	stack.WriteCoil(t, port, 0, 0)
	text, err := os.ReadFile("../../../resource/examples/modbus.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := stack.New(t)
	sub := s.Subscribe("#")
	s.StartEdgeMapper(kubeedge.Node, cluster.DMI)
	apply(t, strings.ReplaceAll(string(text), `port: "5020"`, `port: "`+port+`"`))
	found := func(property string, want dataplane.Value) func() bool {
		return func() bool {
			for _, m := range sub.Messages("temperature-instance") {
				if m.Property == property && m.Value == want {
					return true
				}
			}
			return false
		}
	}
	eventually(t, "the temperature", found("temperature", dataplane.FloatValue(23.5)))
	eventually(t, "the switch, which is desired on", found("temperature-switch", dataplane.IntValue(1)))
	if got := stack.ReadCoil(t, port, 0); got != "1" {
		t.Errorf("the coil of the switch: got %s, want 1", got)
	}
	poll.Within(t, twinLimit, "DeviceStatus shows both", func() bool {
		return reported(t, "temperature-instance", "temperature") == "23.5" && reported(t, "temperature-instance", "temperature-switch") == "1"
	})
}
