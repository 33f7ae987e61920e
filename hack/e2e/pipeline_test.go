package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
)

// collectCycle is how often modbusDevice is read.
const collectCycle = 100 * time.Millisecond

// TestChangedValue changes a register and watches curl: the value comes with
// the right number, type, unit and time, within a cycle and 100 ms, which the
// median over 20 changes holds to.
func TestChangedValue(t *testing.T) {
	port := startPlant(t)
	s := newStack(t)
	s.startMapper("edge-1", map[string]string{"boiler.yaml": modbusDevice("boiler-1", port)})
	sub := s.subscribe("sensor/temperature")
	eventually(t, "a first value", func() bool { return len(sub.messages("boiler-1")) > 0 })

	var delays []time.Duration
	for n := range 20 {
		raw := 210 + n
		want := dataplane.FloatValue(float32(float64(raw) * 0.1))
		begun := time.Now()
		writeRegister(t, port, 40, raw)
		written := time.Now()
		var first received
		eventually(t, "the changed value", func() bool {
			for _, m := range sub.messages("boiler-1") {
				if m.Value == want {
					first = m
					return true
				}
			}
			return false
		})
		delays = append(delays, first.at.Sub(written))
		if first.Time.Before(begun) || first.Time.After(first.at) {
			t.Errorf("edge time %v is not between the change at %v and the arrival at %v", first.Time, begun, first.at)
		}
		if first.Unit != "°C" || first.Value.Type() != dataplane.Float || first.Class != dataplane.RT ||
			first.Namespace != "default" || first.Node != "edge-1" || first.Property != "temperature" || !first.Quality.IsGood() {
			t.Errorf("message is wrong: %+v", first.Message)
		}
	}
	slices.Sort(delays)
	t.Logf("from the change to curl: median %v, most %v; the cycle is %v", delays[10], delays[19], collectCycle)
	if delays[10] > collectCycle+100*time.Millisecond {
		t.Errorf("median delay: got %v, want at most a cycle of %v and 100 ms", delays[10], collectCycle)
	}
}

// TestSubscribers has two subscribers on one topic and one on everything,
// with two mappers.
func TestSubscribers(t *testing.T) {
	s := newStack(t)
	a, b, all := s.subscribe("count/fast"), s.subscribe("count/fast"), s.subscribe("#")
	s.startMapper("edge-1", map[string]string{"a.yaml": virtualDevice("counter-1")})
	s.startMapper("edge-2", map[string]string{"a.yaml": virtualDevice("counter-2")})
	for _, device := range []string{"counter-1", "counter-2"} {
		eventually(t, "100 messages of "+device, func() bool {
			return len(a.messages(device)) >= 100 && len(b.messages(device)) >= 100 && len(all.messages(device)) >= 200
		})
		checkUnbroken(t, "first subscriber", a.messages(device))
		checkUnbroken(t, "second subscriber", b.messages(device))
		checkUnbroken(t, "subscriber to all", all.messages(device))
	}
	nodes := map[string]bool{}
	for _, m := range all.messages("") {
		nodes[m.Node] = true
	}
	if !nodes["edge-1"] || !nodes["edge-2"] {
		t.Errorf("nodes: got %v, want edge-1 and edge-2", nodes)
	}
}

// checkUnbroken fails unless each series' sequences rise by one.
func checkUnbroken(t *testing.T, who string, got []received) {
	t.Helper()
	last := map[string]uint64{}
	for _, m := range got {
		series := m.Address()
		if seq, known := last[series]; known && m.Seq != seq+1 {
			t.Fatalf("%s: %s has sequence %d behind %d", who, series, m.Seq, seq)
		}
		last[series] = m.Seq
	}
}

// TestFolder adds, breaks, mends and removes devices while a mapper runs.
func TestFolder(t *testing.T) {
	s := newStack(t)
	sub := s.subscribe("#")
	m := s.startMapper("edge-1", map[string]string{"1.yaml": virtualDevice("one")})
	more := func(device, when string) {
		t.Helper()
		n := len(sub.messages(device))
		eventually(t, "values of "+device+" "+when, func() bool { return len(sub.messages(device)) > n+20 })
	}
	more("one", "at the start")
	m.write("2.yaml", virtualDevice("two"))
	more("two", "once it is there")

	m.write("2.yaml", "kind: Device\nmetadata: [wrong]\n")
	eventually(t, "a line about 2.yaml", func() bool { return strings.Contains(m.log.String(), "2.yaml") })
	more("two", "though its file is broken")
	m.write("2.yaml", strings.ReplaceAll(virtualDevice("two"), "count/slow", "count/mended"))
	eventually(t, "values of the mended file", func() bool {
		got := sub.messages("two")
		return got[len(got)-1].Topic == "count/mended" || got[max(len(got)-2, 0)].Topic == "count/mended"
	})

	if err := os.Remove(filepath.Join(m.folder, "2.yaml")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "two is silent and one goes on", func() bool {
		before := len(sub.messages("two"))
		more("one", "after two is gone")
		return len(sub.messages("two")) == before
	})
	checkUnbroken(t, "subscriber", sub.messages("one"))
}
