package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/hack/stack"
)

// TestChangedValue changes a register and watches curl: the value comes with
// the right number, type, unit and time, within a cycle and 100 ms, which the
// median over 20 changes holds to.
func TestChangedValue(t *testing.T) {
	port := stack.StartPlant(t)
	s := stack.New(t)
	s.StartMapper("edge-1", map[string]string{"boiler.yaml": stack.ModbusDevice("boiler-1", port)})
	sub := s.Subscribe("sensor/temperature")
	stack.Eventually(t, "a first value", func() bool { return len(sub.Messages("boiler-1")) > 0 })

	var delays []time.Duration
	for n := range 20 {
		raw := 210 + n
		want := dataplane.FloatValue(float32(float64(raw) * 0.1))
		begun := time.Now()
		stack.WriteRegister(t, port, 40, raw)
		written := time.Now()
		var first stack.Received
		stack.Eventually(t, "the changed value", func() bool {
			for _, m := range sub.Messages("boiler-1") {
				if m.Value == want {
					first = m
					return true
				}
			}
			return false
		})
		delays = append(delays, first.At.Sub(written))
		if first.Time.Before(begun) || first.Time.After(first.At) {
			t.Errorf("edge time %v is not between the change at %v and the arrival at %v", first.Time, begun, first.At)
		}
		if first.Unit != "°C" || first.Value.Type() != dataplane.Float || first.Class != dataplane.RT ||
			first.Namespace != "default" || first.Node != "edge-1" || first.Property != "temperature" || !first.Quality.IsGood() {
			t.Errorf("message is wrong: %+v", first.Message)
		}
	}
	slices.Sort(delays)
	t.Logf("from the change to curl: median %v, most %v; the cycle is %v", delays[10], delays[19], stack.CollectCycle)
	if delays[10] > stack.CollectCycle+100*time.Millisecond {
		t.Errorf("median delay: got %v, want at most a cycle of %v and 100 ms", delays[10], stack.CollectCycle)
	}
}

// TestSubscribers has two subscribers on one topic and one on everything,
// with two mappers.
func TestSubscribers(t *testing.T) {
	s := stack.New(t)
	a, b, all := s.Subscribe("count/fast"), s.Subscribe("count/fast"), s.Subscribe("#")
	s.StartMapper("edge-1", map[string]string{"a.yaml": stack.VirtualDevice("counter-1")})
	s.StartMapper("edge-2", map[string]string{"a.yaml": stack.VirtualDevice("counter-2")})
	for _, device := range []string{"counter-1", "counter-2"} {
		stack.Eventually(t, "100 messages of "+device, func() bool {
			return len(a.Messages(device)) >= 100 && len(b.Messages(device)) >= 100 && len(all.Messages(device)) >= 200
		})
		stack.CheckUnbroken(t, "first subscriber", a.Messages(device))
		stack.CheckUnbroken(t, "second subscriber", b.Messages(device))
		stack.CheckUnbroken(t, "subscriber to all", all.Messages(device))
	}
	nodes := map[string]bool{}
	for _, m := range all.Messages("") {
		nodes[m.Node] = true
	}
	if !nodes["edge-1"] || !nodes["edge-2"] {
		t.Errorf("nodes: got %v, want edge-1 and edge-2", nodes)
	}
}

// TestFolder adds, breaks, mends and removes devices while a mapper runs.
func TestFolder(t *testing.T) {
	s := stack.New(t)
	sub := s.Subscribe("#")
	m := s.StartMapper("edge-1", map[string]string{"1.yaml": stack.VirtualDevice("one")})
	more := func(device, when string) {
		t.Helper()
		n := len(sub.Messages(device))
		stack.Eventually(t, "values of "+device+" "+when, func() bool { return len(sub.Messages(device)) > n+20 })
	}
	more("one", "at the start")
	m.Write("2.yaml", stack.VirtualDevice("two"))
	more("two", "once it is there")

	m.Write("2.yaml", "kind: Device\nmetadata: [wrong]\n")
	stack.Eventually(t, "a line about 2.yaml", func() bool { return strings.Contains(m.Log.String(), "2.yaml") })
	more("two", "though its file is broken")
	m.Write("2.yaml", strings.ReplaceAll(stack.VirtualDevice("two"), "count/slow", "count/mended"))
	stack.Eventually(t, "values of the mended file", func() bool {
		got := sub.Messages("two")
		return got[len(got)-1].Topic == "count/mended" || got[max(len(got)-2, 0)].Topic == "count/mended"
	})

	if err := os.Remove(filepath.Join(m.Folder, "2.yaml")); err != nil {
		t.Fatal(err)
	}
	stack.Eventually(t, "two is silent and one goes on", func() bool {
		before := len(sub.Messages("two"))
		more("one", "after two is gone")
		return len(sub.Messages("two")) == before
	})
	stack.CheckUnbroken(t, "subscriber", sub.Messages("one"))
}
