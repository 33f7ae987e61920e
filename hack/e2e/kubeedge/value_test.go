package kubeedge

import (
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/hack/kubeedge"
	"datastub/hack/stack"
)

// TestValue: what a register holds comes to a subscriber, typed, with its unit and
// the edge's time.
func TestValue(t *testing.T) {
	port := stack.StartPlant(t)
	stack.WriteRegister(t, port, 40, 235)
	s := stack.New(t)
	sub := s.Subscribe("sensor/temperature")
	s.StartEdgeMapper(kubeedge.Node, cluster.DMI)
	begun := time.Now()
	apply(t, meter{name: "boiler", port: port}.text())
	eventually(t, "a value", func() bool { return len(sub.Messages("boiler")) > 0 })
	first := sub.Messages("boiler")[0]
	if first.Time.Before(begun) || first.Time.After(first.At) {
		t.Errorf("edge time %v is not between the apply at %v and the arrival at %v", first.Time, begun, first.At)
	}
	if first.Value != dataplane.FloatValue(23.5) || first.Unit != "°C" || first.Class != dataplane.RT ||
		first.Namespace != "default" || first.Node != kubeedge.Node || first.Property != "temperature" || !first.Quality.IsGood() {
		t.Errorf("message is wrong: %+v", first.Message)
	}
}
