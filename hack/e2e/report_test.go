package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// filteredDevice has a property for each rule that keeps values back, and one
// without, read every 20 ms.
const filteredDevice = `
apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: filtered-model}
spec:
  protocol: virtual
  properties:
    - {name: all, type: INT, accessMode: ReadOnly}
    - {name: changes, type: INT, accessMode: ReadOnly}
    - {name: moves, type: INT, accessMode: ReadOnly}
    - {name: silent, type: INT, accessMode: ReadOnly}
---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: filtered}
spec:
  deviceModelRef: {name: filtered-model}
  protocol: {protocolName: virtual, configData: {signal: counter, step: 1, period: 100ms}}
  properties:
    - {name: all, collectCycle: 20, visitors: {protocolName: virtual, configData: {signal: counter, step: 1, period: 100ms, qosClass: RT}}}
    - {name: changes, collectCycle: 20, visitors: {protocolName: virtual, configData: {signal: counter, step: 1, period: 100ms, onChange: true, qosClass: RT}}}
    - {name: moves, collectCycle: 20, visitors: {protocolName: virtual, configData: {signal: counter, step: 1, period: 100ms, deadband: 5}}}
    - {name: silent, collectCycle: 20, visitors: {protocolName: virtual, configData: {signal: counter, step: 1, period: 100ms, publish: false}}}
`

// sum adds the series up whose beginnings are given.
func sum(t *testing.T, metrics string, series ...string) (n uint64) {
	t.Helper()
	for line := range strings.Lines(metrics) {
		for _, s := range series {
			if name, value, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(name, s) {
				n += number(t, value)
			}
		}
	}
	return n
}

// TestCountsAddUp follows values of devices and of a program through both
// programs: each that was read was filtered, refused or accepted, and each that
// was accepted was sent and stored.
func TestCountsAddUp(t *testing.T) {
	s := stack.New(t)
	m, path := startWithSocket(t, s)
	m.Write("filtered.yaml", filteredDevice)
	mustPublish(t, path, 1, `{"topic":"room/light","value":true,"class":"RT"}`, `[{"topic":"a","value":1},{"topic":"b","value":2}]`)
	stack.Eventually(t, "values of each rule", func() bool {
		metrics := scrape(t, m.URL())
		for _, series := range []string{`{class="RT",rule="onChange"}`, `{class="BT",rule="deadband"}`, `{class="BT",rule="publish"}`} {
			if number(t, value(metrics, "datastub_mapper_filtered_values_total"+series)) < 10 {
				return false
			}
		}
		return sum(t, metrics, "datastub_mapper_published_messages_total") > 50
	})
	if err := os.Remove(filepath.Join(m.Folder, "filtered.yaml")); err != nil {
		t.Fatal(err)
	}
	var metrics string
	const eventsPublished = `datastub_mapper_published_messages_total{class="RT",source="events"}`
	const fromEvents = 2 // online, removed
	stack.Eventually(t, "nothing is read or waits any more", func() bool {
		metrics = scrape(t, m.URL())
		return sum(t, metrics, eventsPublished) == fromEvents && value(metrics, `datastub_mapper_devices{state="online"}`) == "0" && sum(t, metrics, "datastub_mapper_spool_records{") == 0
	})
	const fromSocket = 3
	read := sum(t, metrics, `datastub_mapper_readings_total{result="ok"}`) + fromSocket + fromEvents
	filtered := sum(t, metrics, "datastub_mapper_filtered_values_total{")
	refused := sum(t, metrics, "datastub_mapper_refused_messages_total{")
	published := sum(t, metrics, "datastub_mapper_published_messages_total{")
	if read != filtered+refused+published || filtered == 0 {
		t.Errorf("%d read are not %d filtered, %d refused and %d published", read, filtered, refused, published)
	}
	accepted := sum(t, metrics, "datastub_mapper_spool_accepted_records_total{")
	sent := sum(t, metrics, "datastub_mapper_uplink_sent_records_total{")
	stored := sum(t, scrape(t, s.URL()), "datastub_cloudsvc_stored_messages_total{")
	if accepted != published || sent != accepted || stored != accepted {
		t.Errorf("%d published, %d accepted, %d sent, %d stored: want one number", published, accepted, sent, stored)
	}
}

// newTmpfs mounts a small tmpfs for the test.
func newTmpfs(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		if os.Getuid() == 0 {
			t.Fatalf("mount a tmpfs: %v: %s", err, out)
		}
		t.Skip("only root may mount a tmpfs")
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// node returns what /discover tells of the only mapper.
func node(t *testing.T, s *stack.Stack) (n client.Node) {
	t.Helper()
	var list struct{ Nodes []client.Node }
	if err := json.Unmarshal([]byte(get(t, s.URL()+"/discover")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Nodes) == 1 {
		n = list.Nodes[0]
	}
	return n
}

// TestSpoolConditionIsTold fills the disk under a mapper and makes room again:
// subscribers to events, /discover, the command line and the metric say so, both
// times, and nobody else is told.
func TestSpoolConditionIsTold(t *testing.T) {
	dir := newTmpfs(t, "1m")
	s := stack.New(t)
	events, values := follow(t, s, dataplane.NodeTopic), follow(t, s, "#")
	m := s.StartMapper("edge-1", map[string]string{"a.yaml": stack.VirtualDevice("counter-1")},
		fmt.Sprintf("  spool: {dir: %s, maxBytes: 512Ki, sync: 1s}", filepath.Join(dir, "spool")))
	stack.Eventually(t, "a report", func() bool { n := node(t, s); return n.Spool != nil && n.ClockOffset != nil })
	n := node(t, s)
	if n.Spool.Storage != "disk" || n.Spool.Sync != "1s" || n.RoundTrip == nil || math.Abs(*n.ClockOffset) > *n.RoundTrip/2+1e-6 {
		t.Errorf("at first: %+v, spool %+v, clock %v", n, n.Spool, *n.ClockOffset)
	}
	condition := func(want, onDisk string) (reason string) {
		t.Helper()
		stack.Eventually(t, want, func() bool {
			got := events.messages()
			if len(got) == 0 {
				return false
			}
			last := got[len(got)-1]
			text, _ := last.Value.Text()
			var said struct {
				Event, Reason string
				Since         time.Time
			}
			if err := json.Unmarshal([]byte(text), &said); err != nil || said.Since.IsZero() || last.Class != dataplane.RT ||
				last.Address() != "default/$events/node/edge-1" {
				t.Fatalf("event %+v, %s: %v", last, text, err)
			}
			reason = said.Reason
			return said.Event == want
		})
		stack.Eventually(t, "the metric says so", func() bool { return value(scrape(t, m.URL()), "datastub_mapper_spool_on_disk") == onDisk })
		return reason
	}
	ballast := filepath.Join(dir, "ballast")
	err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600)
	if err == nil {
		t.Fatal("the tmpfs took more than it has")
	}
	if reason := condition("spool-in-memory", "0"); !strings.Contains(reason, "no space left on device") {
		t.Errorf("in memory because of %q", reason)
	}
	stack.Eventually(t, "/discover says so", func() bool { return strings.Contains(node(t, s).Spool.Fault, "no space left") })
	out, err := stack.Command("datastub", "nodes", "--server", s.URL()).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "spool: in memory since 20") || !strings.Contains(string(out), "no space left on device") {
		t.Errorf("datastub nodes: %v\n%s", err, out)
	}
	values.more(t, "while the disk is full")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	condition("spool-on-disk", "1")
	stack.Eventually(t, "/discover says so", func() bool { n := node(t, s); return n.Spool.Fault == "" && n.Spool.Since.IsZero() })
	values.more(t, "after that")
	for _, v := range values.messages() {
		if strings.HasPrefix(v.Topic, "$") {
			t.Errorf("a subscriber to # was given %+v", v)
		}
	}
	m.Stop()
}
