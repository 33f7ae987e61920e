package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/hack/process"
	"datastub/hack/stack"
)

// oven is the folder of a mapper as KubeEdge's generator lays it out, a module
// of its own.
const oven = "../../mapper/datapanel/testdata/mapper"

// TestGeneratedMapper runs a mapper that is not ours, which publishes by
// package datapanel.
func TestGeneratedMapper(t *testing.T) {
	bin := buildOven(t)
	t.Run("values", func(t *testing.T) { testOvenValues(t, bin) })
	t.Run("cloudsvc comes later", func(t *testing.T) { testOvenWaits(t, bin) })
}

// buildOven builds the generated mapper. Its go.mod follows ours, in a copy.
func buildOven(t *testing.T) (bin string) {
	t.Helper()
	dir := t.TempDir()
	for to, from := range map[string][]string{
		"go.mod": {filepath.Join(oven, "go.mod")},
		"go.sum": {filepath.Join(oven, "go.sum"), "../../go.sum"},
	} {
		var text []byte
		for _, path := range from {
			more, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, more...)
		}
		if err := os.WriteFile(filepath.Join(dir, to), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bin = filepath.Join(dir, "oven")
	build := exec.Command("go", "build", "-race", "-mod=mod", "-modfile="+filepath.Join(dir, "go.mod"), "-o", bin, ".")
	build.Dir = oven
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the generated mapper: %v\n%s", err, out)
	}
	return bin
}

// A generatedMapper is one that runs.
type generatedMapper struct {
	*process.Process
	log *stack.Log
}

// startOven starts the generated mapper on the node edge-1. When the test ends
// it is stopped, and must not have panicked or raced.
func startOven(t *testing.T, bin, address string, environment ...string) *generatedMapper {
	t.Helper()
	m := &generatedMapper{log: &stack.Log{}}
	args := append([]string{"NODE_NAME=edge-1"}, environment...)
	args = append(args, bin, "--config-file", filepath.Join(oven, "config.yaml"), "--address", address)
	var err error
	m.Process, err = process.Start(process.Options{Command: "env", Args: args, Stdout: m.log, Stderr: m.log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.stop(t)
		for _, bad := range []string{"panic:", "DATA RACE", "fatal error:"} {
			if strings.Contains(m.log.String(), bad) {
				t.Errorf("%s in the log of the generated mapper:\n%s", bad, m.log)
			}
		}
	})
	return m
}

func (m *generatedMapper) stop(t *testing.T) {
	t.Helper()
	if err := m.Stop(5 * time.Second); err != nil {
		t.Errorf("%v:\n%s", err, m.log)
	}
}

// ovenSignals say how each property is published, and what its n-th value is.
var ovenSignals = map[string]struct {
	topic string
	class dataplane.Class
	unit  string
	value func(n int) dataplane.Value
}{
	"count":   {"oven/count", dataplane.RT, "1", func(n int) dataplane.Value { return dataplane.IntValue(int64(n)) }},
	"clash":   {"oven/count", dataplane.BT, "", func(n int) dataplane.Value { return dataplane.IntValue(int64(n)) }},
	"heat":    {"oven/heat", dataplane.BT, "°C", func(n int) dataplane.Value { return dataplane.FloatValue(float32(n) / 8) }},
	"energy":  {"oven-1/energy", dataplane.BT, "kWh", func(n int) dataplane.Value { return dataplane.DoubleValue(float64(n) / 10) }},
	"door":    {"oven/door", dataplane.RT, "", func(n int) dataplane.Value { return dataplane.BooleanValue(n%2 == 1) }},
	"program": {"oven/program", dataplane.BT, "", func(n int) dataplane.Value { return dataplane.StringValue(fmt.Sprintf("step %d: grün", n)) }},
	"label":   {"oven/label", dataplane.BT, "", func(n int) dataplane.Value { return dataplane.BytesValue([]byte{0xff, byte(n)}) }},
	"serial":  {"oven/serial", dataplane.RT, "", func(int) dataplane.Value { return dataplane.IntValue(7) }},
	"broken":  {"oven/broken", dataplane.RT, "", func(n int) dataplane.Value { return dataplane.IntValue(int64(n + 10)) }}, // the first 10 are refused
}

// testOvenValues sees each property's values at a subscriber, as what they
// are; those that cannot be published harm no other.
func testOvenValues(t *testing.T, bin string) {
	s := stack.New(t)
	sub := s.Subscribe("#")
	m := startOven(t, bin, "zmq://dataplane", "DATASTUB_UPLINK=tcp://"+s.Uplink)
	stack.Eventually(t, "30 values of both devices in both classes", func() bool {
		for _, device := range []string{"oven-1", "oven-2"} {
			got := byProperty(sub.Messages(device))
			if len(got["heat"]) < 30 || len(got["door"]) < 30 || len(got["label"]) < 30 || len(got["broken"]) < 30 {
				return false
			}
		}
		return true
	})
	checkOven(t, byProperty(sub.Messages("oven-1")))
	for reason, want := range map[string]int{
		`reason="value is no INT: want a whole number`:                           2, // once a device
		`Values are taken again" property="broken" device="default/oven-1" refu`: 1,
		`refused=10`: 2,
		`publishes at default/oven/count/oven-1 already: give each property its own topic`:          1,
		`new data panel error: property "fast": spec.properties[fast].visitors.configData.qosClass`: 2,
		`video streams do not go through the data plane`:                                            2,
		`"Data plane starts"`: 1,
	} {
		if got := strings.Count(m.log.String(), reason); got != want {
			t.Errorf("%s stands %d times in the log, want %d:\n%s", reason, got, want, m.log)
		}
	}

	// An update of the devices closes their hooks, and nothing else.
	updated := time.Now()
	if err := syscall.Kill(m.ID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	stack.Eventually(t, "values after an update of the devices", func() bool {
		got := byProperty(sub.Messages("oven-2"))["heat"]
		return len(got) > 0 && got[len(got)-1].Time.After(updated)
	})
	m.stop(t)
	s.Cloudsvc.Kill() // the subscriber knows no last line
	if !strings.Contains(m.log.String(), "undelivered=0") {
		t.Errorf("the last line should say undelivered=0:\n%s", m.log)
	}
	checkOneLanePair(t, readLog(t, s))
}

func byProperty(messages []stack.Received) map[string][]stack.Received {
	properties := map[string][]stack.Received{}
	for _, m := range messages {
		properties[m.Property] = append(properties[m.Property], m)
	}
	return properties
}

// checkOven holds the values of oven-1 against what its driver made up.
func checkOven(t *testing.T, got map[string][]stack.Received) {
	t.Helper()
	if (len(got["count"]) > 0) == (len(got["clash"]) > 0) {
		t.Errorf("got %d values of count and %d of clash, want one of both: they have one topic", len(got["count"]), len(got["clash"]))
	}
	if n := len(got["serial"]); n != 1 {
		t.Errorf("got %d values of serial, want 1: it has onChange", n)
	}
	for property, messages := range got {
		want, known := ovenSignals[property]
		if !known {
			t.Errorf("property %s is published: %+v", property, messages[0])
			continue
		}
		for i, m := range messages {
			if m.Value != want.value(i+1) || m.Topic != want.topic || m.Class != want.class || m.Unit != want.unit ||
				m.Namespace != "default" || m.Node != "edge-1" || !m.Quality.IsGood() {
				t.Errorf("value %d of %s: got %+v, want %v %v", i+1, property, m.Message, want.value(i+1).Type(), want.value(i+1))
				break
			}
		}
	}
}

// checkOneLanePair fails unless one publisher has brought everything, by one
// lane of each class.
func checkOneLanePair(t *testing.T, runs map[run]uint64) {
	t.Helper()
	for r := range runs {
		if r.publisher != "edge-1/oven-mapper" {
			t.Errorf("publisher %q, want edge-1/oven-mapper", r.publisher)
		}
	}
	if len(runs) != 2 {
		t.Errorf("lanes and epochs in the log: got %d, want an RT and a BT of one epoch: %v", len(runs), runs)
	}
}

// testOvenWaits starts the mapper before cloudsvc: what was read meanwhile
// arrives, from the first value on.
func testOvenWaits(t *testing.T, bin string) {
	s := stack.New(t)
	s.Cloudsvc.Stop()
	m := startOven(t, bin, "zmq://"+s.Uplink)
	stack.Eventually(t, "values while nobody answers", func() bool {
		return strings.Contains(m.log.String(), "nobody answers") && strings.Contains(m.log.String(), "Values are taken again")
	})
	came := time.Now()
	s.StartCloudsvc()
	sub := s.Subscribe("oven/broken")
	stack.Eventually(t, "values once cloudsvc is there", func() bool { return len(sub.Messages("oven-1")) > 10 })
	m.stop(t)
	s.Cloudsvc.Kill()
	runs := readLog(t, s) // which begin with 1
	checkOneLanePair(t, runs)
	for r := range runs {
		if int64(r.epoch) >= came.UnixMilli() {
			t.Errorf("%v began after cloudsvc came, at %v", r, came)
		}
	}
}
