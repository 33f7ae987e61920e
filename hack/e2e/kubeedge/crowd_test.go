package kubeedge

import (
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"datastub/hack/kubeedge"
	"datastub/hack/poll"
	"datastub/hack/stack"
)

// crowdTime is how long TestCrowd lasts: EdgeCore has been told of every device
// after three minutes at the earliest.
var crowdTime = flag.Duration("crowd", time.Minute, "how long 100 devices run in TestCrowd; twins and states are counted from 4m on, and twins held to their age from 5m on")

const (
	crowd      = 100 // devices
	properties = 10  // of each
	cycle      = time.Second
	// arrivalLimit is how long the crowd may take to have values: cloudcore hands
	// out one device a second, and fewer on a busy machine.
	arrivalLimit = 6 * time.Minute
	// told is how long EdgeCore may take to be told of all twins and states: it
	// takes one request a second.
	told = 4 * time.Minute
	// steady is how long the crowd must run before each twin is held to its age.
	steady = 5 * time.Minute
	// glance is how often DeviceStatus is looked at.
	glance = 30 * time.Second
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
	eventually(t, "the neighbour has values", func() bool { return len(beside.Messages("neighbour")) > 0 })
	documents := []string{crowdModel()}
	for i := range crowd {
		documents = append(documents, member(fmt.Sprintf("member-%d", i)))
	}
	apply(t, strings.Join(documents, "---\n"))
	poll.Within(t, arrivalLimit, "all devices have values", func() bool { return len(byAddress(sub.Messages(""))) == crowd*properties })
	begun := time.Now()
	for now := range time.Tick(glance) {
		age := now.Sub(begun)
		checkStatuses(t, age)
		if age >= *crowdTime {
			break
		}
	}
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
	if strings.Contains(m.Log.String(), "EdgeCore takes no more requests") {
		t.Errorf("EdgeCore has refused requests:\n%s", m.Log)
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

// A census is what DeviceStatus tells of the crowd.
type census struct {
	online int             // devices
	ages   []time.Duration // of twins, each since it was reported
	told   []time.Duration // of devices, each since a twin of it was reported
}

// late returns how many of ages are beyond the limit.
func late(ages []time.Duration) (n int) {
	for _, age := range ages {
		if age > twinLimit {
			n++
		}
	}
	return n
}

func longest(ages []time.Duration) (longest time.Duration) {
	for _, age := range ages {
		longest = max(longest, age)
	}
	return longest
}

// checkStatuses fails if the crowd is of an age at which EdgeCore knows more. A
// report has all twins of a device, so that its newest one tells when EdgeCore had
// it; cloudcore undoes a few of the others.
func checkStatuses(t *testing.T, age time.Duration) {
	t.Helper()
	c := takeCensus(t)
	t.Logf("after %v: %d devices online; %d twins, %d beyond %v, the oldest of %v ago; %d devices with twins, the longest not told for %v",
		age.Round(time.Second), c.online, len(c.ages), late(c.ages), twinLimit, longest(c.ages).Round(time.Second),
		len(c.told), longest(c.told).Round(time.Second))
	if age >= told && (len(c.ages) != crowd*properties || c.online != crowd) {
		t.Errorf("after %v: got %d twins and %d states, want %d and %d", age, len(c.ages), c.online, crowd*properties, crowd)
	}
	if age >= steady && (late(c.told) > 0 || late(c.ages) > crowd*properties/100) {
		t.Errorf("after %v: of %d devices and of %d twins nothing was told for %v, want none and one in a hundred at most",
			age, late(c.told), late(c.ages), twinLimit)
	}
}

func takeCensus(t *testing.T) (c census) {
	t.Helper()
	var all struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct {
				State string
				Twins []struct {
					Reported struct {
						Value    string
						Metadata struct{ Timestamp string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(kubectl(t, "get", "devicestatus", "-o", "json")), &all); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, device := range all.Items {
		if !strings.HasPrefix(device.Metadata.Name, "member-") {
			continue
		}
		if device.Status.State == "online" {
			c.online++
		}
		var ages []time.Duration
		for _, twin := range device.Status.Twins {
			if twin.Reported.Value == "" {
				continue
			}
			var ms int64
			if _, err := fmt.Sscan(twin.Reported.Metadata.Timestamp, &ms); err != nil {
				t.Fatalf("%s: a twin's time is %q: %v", device.Metadata.Name, twin.Reported.Metadata.Timestamp, err)
			}
			ages = append(ages, now.Sub(time.UnixMilli(ms)))
		}
		if len(ages) > 0 {
			c.ages = append(c.ages, ages...)
			c.told = append(c.told, slices.Min(ages))
		}
	}
	return c
}
