package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/hack/poll"
	"datastub/hack/stack"
	"datastub/mapper"
)

// rehearsed is in how long the example has shown each of its faults: two of its
// rounds.
const rehearsed = time.Minute

// TestRehearsal runs the example of a device with made-up faults: each is told
// as a real one's is, and none costs a value before, between and behind.
func TestRehearsal(t *testing.T) {
	t.Parallel()
	const device, failing, away = "rehearsal-1", "failEvery 25", "offlineFor 3s"
	text, err := os.ReadFile("../../resource/examples/rehearsal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := stack.New(t)
	events, values := s.Subscribe("$events/#"), s.Subscribe("rehearsal/#")
	m := s.StartMapper("edge-1", map[string]string{"rehearsal.yaml": string(text)})

	url := m.URL()
	poll.Within(t, rehearsed, "/status says that a property fails", func() bool {
		devices := devicesOf(t, url)
		if len(devices) == 0 {
			return false // its file is not read yet
		}
		d := devices[0]
		return d.State == mapper.Unhealthy && len(d.Faults) == 1 && d.Faults[0].Property == "pressure" && strings.Contains(d.Reason, failing)
	})
	poll.Within(t, rehearsed, "/status says that the device is away", func() bool {
		d := devicesOf(t, url)[0]
		return d.State == mapper.Offline && strings.Contains(d.Reason, away)
	})

	after := func(since time.Time, topic, event, reason string) time.Time {
		t.Helper()
		return awaitTold(t, events, device, since, topic, event, reason)
	}
	online := after(time.Time{}, dataplane.DeviceTopic, string(mapper.Online), "")
	faulty := after(online, dataplane.PropertyTopic, dataplane.Faulty, failing)
	after(faulty, dataplane.PropertyTopic, dataplane.Mended, "")
	offline := after(online, dataplane.DeviceTopic, string(mapper.Offline), away)
	back := after(offline, dataplane.DeviceTopic, string(mapper.Online), "")
	stack.Eventually(t, "values of the device that is back", func() bool {
		got := values.Messages(device)
		return len(got) > 0 && got[len(got)-1].Time.After(back)
	})
	stack.CheckUnbroken(t, "values", values.Messages(device))
}

// awaitTold waits for an event of a device after another one's time, and
// returns its time. The event has the reason in its own.
func awaitTold(t *testing.T, events *stack.Subscriber, device string, since time.Time, topic, event, reason string) (at time.Time) {
	t.Helper()
	poll.Within(t, rehearsed, "an event "+event+" at "+topic, func() bool {
		for _, m := range events.Events(device) {
			text, _ := m.Value.Text()
			var said struct{ Event, Reason string }
			if err := json.Unmarshal([]byte(text), &said); err != nil {
				t.Fatalf("event %q: %v", text, err)
			}
			if m.Topic == topic && m.Time.After(since) && said.Event == event && strings.Contains(said.Reason, reason) {
				at = m.Time
				return true
			}
		}
		return false
	})
	return at
}
