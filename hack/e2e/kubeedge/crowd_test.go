package kubeedge

import (
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"datastub/hack/kubeedge"
	"datastub/hack/stack"
)

// crowdTime is how long TestCrowd lasts: every twin has been reported after two
// minutes at the earliest.
var crowdTime = flag.Duration("crowd", time.Minute, "how long 100 devices run in TestCrowd; their twins are held to the limit from 5m on")

const (
	crowd      = 100 // devices
	properties = 10  // of each
	cycle      = time.Second
	// twinsWhole is how long the crowd must run before each twin is held to its age.
	twinsWhole = 5 * time.Minute
)

// member is a virtual Device of many properties that are read once a second.
func member(name string) string {
	var device strings.Builder
	for i := range properties {
		fmt.Fprintf(&device, `    - name: p%d
      collectCycle: 1000
      reportCycle: 1000
      reportToCloud: true
      visitors: {protocolName: virtual, configData: {signal: counter, step: 1, period: 1s, topic: crowd/p%[1]d, qosClass: RT}}
`, i)
	}
	return fmt.Sprintf(`apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: %s}
spec:
  nodeName: edge-1
  deviceModelRef: {name: crowd-model}
  protocol: {protocolName: virtual}
  properties:
%s`, name, &device)
}

// crowdModel is the members' DeviceModel.
func crowdModel() string {
	var text strings.Builder
	text.WriteString("apiVersion: devices.kubeedge.io/v1beta1\nkind: DeviceModel\nmetadata: {name: crowd-model}\nspec:\n  protocol: virtual\n  properties:\n")
	for i := range properties {
		fmt.Fprintf(&text, "    - {name: p%d, type: INT, accessMode: ReadOnly}\n", i)
	}
	return text.String()
}

// TestCrowd makes 100 devices of 10 properties at once: a device that is there
// already misses no cycle, the data plane carries every value of every second, and
// EdgeCore refuses nothing.
func TestCrowd(t *testing.T) {
	s := stack.New(t)
	sub := s.Subscribe("crowd/#")
	beside := s.Subscribe("count/#")
	m := s.StartEdgeMapper(kubeedge.Node, cluster.DMI)
	apply(t, counters("neighbour"))
	stack.Within(t, changeLimit, "the neighbour has values", func() bool { return len(beside.Messages("neighbour")) > 0 })
	documents := []string{crowdModel()}
	for i := range crowd {
		documents = append(documents, member(fmt.Sprintf("member-%d", i)))
	}
	apply(t, strings.Join(documents, "---\n"))
	stack.Within(t, 2*time.Minute, "all devices have values", func() bool { return len(byAddress(sub.Messages(""))) == crowd*properties })
	begun := time.Now()
	stack.Within(t, *crowdTime+time.Minute, "the time is over", func() bool { return time.Since(begun) > *crowdTime })
	var since []stack.Received
	for _, r := range sub.Messages("") {
		if !r.Time.Before(begun) {
			since = append(since, r)
		}
	}
	if n := checkCycles(t, since, cycle); n != crowd*properties {
		t.Errorf("got values of %d series, want %d", n, crowd*properties)
	}
	checkCycles(t, beside.Messages("neighbour"), countersCycle)
	stack.CheckUnbroken(t, "subscriber", sub.Messages(""))
	if strings.Contains(m.Log.String(), "too many request") {
		t.Errorf("EdgeCore has refused requests:\n%s", m.Log)
	}
	if *crowdTime >= twinsWhole {
		checkTwins(t)
	}
}

// byAddress counts the messages of each device and topic.
func byAddress(messages []stack.Received) map[string]int {
	n := make(map[string]int)
	for _, m := range messages {
		n[m.Address()]++
	}
	return n
}

// checkTwins fails if a twin is older than the limit, or missing.
func checkTwins(t *testing.T) {
	t.Helper()
	var all struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct {
				Twins []struct {
					Reported struct {
						Metadata struct{ Timestamp string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(kubectl(t, "get", "devicestatus", "-o", "json")), &all); err != nil {
		t.Fatal(err)
	}
	n := 0
	var oldest time.Duration
	for _, device := range all.Items {
		if !strings.HasPrefix(device.Metadata.Name, "member-") {
			continue
		}
		for _, twin := range device.Status.Twins {
			var ms int64
			if _, err := fmt.Sscan(twin.Reported.Metadata.Timestamp, &ms); err != nil {
				t.Errorf("%s: a twin's time is %q: %v", device.Metadata.Name, twin.Reported.Metadata.Timestamp, err)
			}
			oldest = max(oldest, time.Since(time.UnixMilli(ms)))
			n++
		}
	}
	t.Logf("%d twins, the oldest is of %v ago", n, oldest)
	if n != crowd*properties || oldest > twinLimit {
		t.Errorf("got %d twins, the oldest of %v ago, want %d of %v at most", n, oldest, crowd*properties, twinLimit)
	}
}
