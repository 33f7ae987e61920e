package kubeedge

import (
	"testing"

	"datastub/dataplane"
	"datastub/hack/kubeedge"
	"datastub/hack/poll"
	"datastub/hack/stack"
)

// TestChanges changes a device in every way, while another one misses no cycle.
func TestChanges(t *testing.T) {
	port, other := stack.StartPlant(t), stack.StartPlant(t)
	stack.WriteRegister(t, port, 40, 235)
	stack.WriteRegister(t, port, 45, 7)
	stack.WriteRegister(t, port, 46, 9)
	stack.WriteRegister(t, other, 40, 300)
	s := stack.New(t)
	sub := s.Subscribe("#")
	s.StartEdgeMapper(kubeedge.Node, cluster.DMI)
	apply(t, counters("neighbour"))
	m := meter{name: "changing", port: port}
	apply(t, m.text())

	// becomes waits for messages of a property as they are to be, from the end of
	// what has come.
	becomes := func(what, property string, right func(stack.Received) bool) {
		t.Helper()
		eventually(t, what, func() bool {
			got := sub.Messages(m.name)
			for i := len(got) - 1; i >= 0 && i > len(got)-10; i-- {
				if got[i].Property == property {
					return right(got[i])
				}
			}
			return false
		})
	}
	holds := func(want dataplane.Value) func(stack.Received) bool {
		return func(r stack.Received) bool { return r.Value == want && r.Quality.IsGood() }
	}
	becomes("a first value", "temperature", holds(dataplane.FloatValue(23.5)))

	m.level, m.unit = 45, "m"
	change(t, m.text())
	becomes("a property that is added", "level", holds(dataplane.IntValue(7)))

	m.level = 46
	change(t, m.text())
	becomes("a property that is changed", "level", holds(dataplane.IntValue(9)))

	m.unit, m.settings = "km", ", timeout: 2s"
	change(t, m.text())
	becomes("a model that is changed, and its device", "level", func(r stack.Received) bool { return r.Unit == "km" })

	m.port = other
	change(t, m.text())
	becomes("another port", "temperature", holds(dataplane.FloatValue(30)))

	m.level = 0
	change(t, m.text())
	eventually(t, "a property that is removed", func() bool {
		got := sub.Messages(m.name)
		for i := len(got) - 1; i >= max(0, len(got)-10); i-- {
			if got[i].Property == "level" {
				return false
			}
		}
		return true
	})

	remove(t, m.text())
	poll.Within(t, unlistedLimit, "a device that is deleted", func() bool {
		n, beside := len(sub.Messages(m.name)), len(sub.Messages("neighbour"))
		eventually(t, "the neighbour goes on", func() bool { return len(sub.Messages("neighbour")) > beside+20 })
		return len(sub.Messages(m.name)) == n
	})
	stack.WriteRegister(t, other, 40, 310)
	change(t, m.text())
	becomes("a device that is made again", "temperature", holds(dataplane.FloatValue(31)))
	stack.CheckUnbroken(t, "subscriber", sub.Messages("neighbour"))
	checkCycles(t, sub.Messages("neighbour"), countersCycle)
	checkOpenedOnce(t, sub.Messages("neighbour"))
}
