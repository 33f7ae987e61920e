package kubeedge

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"datastub/dataplane"
	"datastub/hack/stack"
	"datastub/mapper"
)

// awaitEvent waits for an event of a device or a property.
func awaitEvent(t *testing.T, events *stack.Subscriber, device, topic, property, event, reason string) {
	t.Helper()
	eventually(t, device+" is "+event+": "+reason, func() bool {
		return slices.ContainsFunc(events.Events(device), func(m stack.Received) bool {
			text, _ := m.Value.Text()
			var said dataplane.Event
			if err := json.Unmarshal([]byte(text), &said); err != nil {
				t.Fatalf("the event %q of %s: %v", text, device, err)
			}
			return m.Topic == topic && m.Property == property && said.Event == event && said.Reason == reason
		})
	})
}

// overview returns what a mapper's GET /status tells of each device.
func overview(t *testing.T, m *stack.Mapper) map[string]mapper.DeviceOverview {
	t.Helper()
	response, err := http.Get(m.URL() + "/status")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var overview mapper.Overview
	if err := json.NewDecoder(response.Body).Decode(&overview); err != nil {
		t.Fatalf("GET /status: %v", err)
	}
	devices := make(map[string]mapper.DeviceOverview, len(overview.Devices))
	for _, d := range overview.Devices {
		devices[d.Name] = d
	}
	return devices
}
