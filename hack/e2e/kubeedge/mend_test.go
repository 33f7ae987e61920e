package kubeedge

import (
	"strings"
	"testing"

	"datastub/dataplane"
	"datastub/hack/kubeedge"
	"datastub/hack/poll"
	"datastub/hack/stack"
	"datastub/mapper"
)

// TestMended mends the one thing that is wrong with a device while it runs: the
// cure is told wherever the fault was, and what was not read has values.
func TestMended(t *testing.T) {
	port := stack.StartPlant(t)
	stack.WriteRegister(t, port, 45, 7)
	right := meter{name: "mended", port: port, level: 45}.text()
	wrong := strings.Replace(right, "register: HoldingRegister, offset: 45", "register: Holding, offset: 45", 1)
	const reason = `spec.properties[level].visitors.configData.register: Invalid value: "Holding": want one of CoilRegister, DiscreteInputRegister, HoldingRegister, InputRegister`
	s := stack.New(t)
	values, events := s.Subscribe("#"), s.Subscribe("$events/#")
	m := s.StartEdgeMapper(kubeedge.Node, cluster.DMI)
	apply(t, wrong)
	awaitEvent(t, events, "mended", dataplane.PropertyTopic, "level", dataplane.Faulty, reason)
	awaitEvent(t, events, "mended", dataplane.DeviceTopic, "", string(mapper.Unhealthy), reason)
	poll.Within(t, twinLimit, "DeviceStatus is unhealthy", func() bool { return readStatus(t, "mended").Status.State == "unhealthy" })
	if got := propertiesOf(values.Messages("mended")); !got["temperature"] || got["level"] {
		t.Errorf("before it is mended there are values of %v, want temperature only", got)
	}

	change(t, right)
	awaitEvent(t, events, "mended", dataplane.PropertyTopic, "level", dataplane.Mended, "")
	awaitEvent(t, events, "mended", dataplane.DeviceTopic, "", string(mapper.Online), "")
	eventually(t, "values of level", func() bool { return propertiesOf(values.Messages("mended"))["level"] })
	if got := overview(t, m)["mended"]; got.State != mapper.Online || got.Reason != "" {
		t.Errorf("GET /status: got %s, %q, want online", got.State, got.Reason)
	}
	poll.Within(t, twinLimit, "DeviceStatus is online and has the level", func() bool {
		return readStatus(t, "mended").Status.State == "online" && reported(t, "mended", "level") == "7"
	})
	stack.CheckUnbroken(t, "subscriber", values.Messages("mended"))
}

// TestLostChange changes a device that runs to what edgecore cannot hand over.
// Edgecore lists it no more, as it does with a device that was deleted while it
// was away: the device goes on until it is certain that edgecore means it, and
// is then removed, with a line that says what to look for. Once it is mended it
// is there again, and nothing that was read is lost.
func TestLostChange(t *testing.T) {
	s := stack.New(t)
	values, events := s.Subscribe("count/fast"), s.Subscribe("$events/#")
	m := s.StartEdgeMapper(kubeedge.Node, cluster.DMI)
	right := counters("lost")
	apply(t, counters("neighbour"))
	apply(t, right)
	flow := func(when string) {
		t.Helper()
		n, beside := len(values.Messages("lost")), len(values.Messages("neighbour"))
		eventually(t, "values of both "+when, func() bool {
			return len(values.Messages("lost")) > n+10 && len(values.Messages("neighbour")) > beside+10
		})
	}
	flow("at first")
	change(t, strings.Replace(right, "{signal: counter,", "{signal: counter, min: [1],", 1))
	flow("after a change that edgecore loses")
	poll.Within(t, unlistedLimit, "the log says that edgecore does not list it", func() bool {
		return strings.Contains(m.Log.String(), "EdgeCore does not list devices that run here: they go on")
	})
	flow("while edgecore does not list one")
	poll.Within(t, unlistedLimit, "the log says why it is removed", func() bool {
		return strings.Contains(m.Log.String(), "Device is removed: EdgeCore has not listed it for a minute and more.")
	})
	awaitEvent(t, events, "lost", dataplane.DeviceTopic, "", dataplane.Removed, "")
	change(t, right)
	flow("when it is mended")
	stack.CheckUnbroken(t, "subscriber", values.Messages(""))
	checkCycles(t, values.Messages("neighbour"), countersCycle)
	checkOpenedOnce(t, values.Messages("neighbour"))
}

// propertiesOf returns of which properties there are values.
func propertiesOf(messages []stack.Received) map[string]bool {
	has := make(map[string]bool)
	for _, m := range messages {
		has[m.Property] = true
	}
	return has
}
