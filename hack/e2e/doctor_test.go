package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"datastub/hack/stack"
)

// examine runs mapper doctor, and returns what it prints and its exit status.
func examine(t *testing.T, config string) (report string, status int) {
	t.Helper()
	cmd := stack.Command("mapper", "doctor", "--config-file", config)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestDoctor examines a mapper that is well, one with a device that is not, one
// whose cloudsvc is away, and one that does not run.
func TestDoctor(t *testing.T) {
	s := stack.New(t)
	m := s.StartMapper("edge-1", map[string]string{"a.yaml": stack.VirtualDevice("counter-1")}, "  spool: {dir: "+filepath.Join(t.TempDir(), "spool")+", maxBytes: 1Mi}")
	_ = m.URL() // it handles signals
	m.Stop()
	text, err := os.ReadFile(m.Config)
	if err == nil {
		err = os.WriteFile(m.Config, []byte(strings.Replace(string(text), "http: 127.0.0.1:0", "http: 127.0.0.1:"+stack.FreePort(t), 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.Restart()
	until := func(what string, want int, lines ...string) {
		t.Helper()
		var report string
		var status int
		stack.Eventually(t, what, func() bool {
			report, status = examine(t, m.Config)
			for _, line := range lines {
				if !strings.Contains(report, line) {
					t.Logf("%s: not yet %q in\n%s", what, line, report)
					return false
				}
			}
			return status == want
		})
		t.Logf("%s:\n%s", what, report)
	}
	until("all is well", 0, "ok    config        ", "devices: 1, properties: 2", "ok    mapper        edge-1/mapper ", "ok    devices       1 online, 0 offline, 0 unhealthy\n",
		"ok    uplink        tcp://", "ok    session       ", "/readyz is ready\n", "ok    clock         ", "ok    spool         ")
	m.Write("b.yaml", stack.ModbusDevice("boiler-1", stack.FreePort(t)))
	until("a device does not answer", 0, "warn  devices       1 online, 1 offline, 0 unhealthy: default/boiler-1 → ", "warn  device        default/boiler-1 is offline for ", "→ is it switched on?")
	m.Write("b.yaml", strings.Replace(stack.ModbusDevice("boiler-1", "502"), "offset: 40", "offset: 70000", 1))
	until("a device is wrong", 1, "FAIL  config        ", `b.yaml: Device default/boiler-1: spec.properties[temperature].visitors.configData.offset: Invalid value: "70000"`,
		"1 online, 0 offline, 1 unhealthy: default/boiler-1 → ", "warn  device        default/boiler-1 is unhealthy for ")
	if err := os.Remove(filepath.Join(m.Folder, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	s.Cloudsvc.Stop()
	until("cloudsvc is away", 1, "FAIL  uplink        tcp://", "connection refused → is cloudsvc running", "FAIL  session       ", "warn  cloudsvc      ")
	s.StartCloudsvc()
	m.Stop()
	until("no mapper runs", 1, "FAIL  mapper        no mapper answers: ", "→ start it")
}
