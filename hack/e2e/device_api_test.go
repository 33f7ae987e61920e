package e2e

import (
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"datastub/hack/link"
	"datastub/hack/stack"
)

// curlDevice sends a request to a mapper's device API with curl, and returns
// status and body on a line each.
func curlDevice(t *testing.T, m *stack.Mapper, method, path string, args ...string) string {
	t.Helper()
	line := append([]string{"-sS", "-X", method, "-w", "%{http_code}", m.URL() + "/api/v1/" + path}, args...)
	out, err := exec.Command("curl", line...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %v: %v\n%s", line, err, out)
	}
	return string(out)
}

// TestDeviceAPI reads and writes a device as clients of mapper-framework do,
// and looks in the register.
func TestDeviceAPI(t *testing.T) {
	port := stack.StartPlant(t)
	s := stack.New(t)
	m := s.StartMapper("edge-1", map[string]string{"oven.yaml": setpointDevice(port, "")})
	const method = "devicemethod/default/oven-1"
	want := func(answer string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(answer, part) {
				t.Errorf("got %s, want %s in it", answer, part)
			}
		}
	}
	stack.Eventually(t, "a value", func() bool {
		return strings.HasSuffix(curlDevice(t, m, "GET", "device/default/oven-1/setpoint"), "200")
	})
	want(curlDevice(t, m, "POST", method+"/SetPoint/setpoint/23.46"), "Write data 23.46 to device default/oven-1 successfully.", "200")
	if got := stack.ReadRegister(t, port, 41); got != "235" {
		t.Errorf("register holds %s, want 235", got)
	}
	want(curlDevice(t, m, "GET", "device/default/oven-1/setpoint"), `"PropertyName":"setpoint"`, `"Value":"23.5","Type":"FLOAT"`, "200")
	want(curlDevice(t, m, "GET", method), `"Name":"SetPoint"`, `{"PropertyName":"setpoint","ValueType":"FLOAT"}`, "200")
	want(curlDevice(t, m, "GET", "meta/model/default/oven-1"), `"id":"default/oven-model"`, `"maximum":"250"`, "200")

	want(curlDevice(t, m, "GET", method+"/SetPoint/setpoint/1"), "deviceAPI.getWrites", "405")
	want(curlDevice(t, m, "PUT", method+"/SetPoint/setpoint/900"), "900 is not a number from 0 to 250", "400")
	want(curlDevice(t, m, "PUT", method+"/SetPoint/temperature/1"), "read-only", "403")
	want(curlDevice(t, m, "POST", method+"/SetPoint/setpoint/1", "-H", "Origin: https://evil.example"), "cross-site", "403")
	want(curlDevice(t, m, "POST", method+"/SetPoint/setpoint/1", "-H", "Host: evil.example"), "not-this-machine", "403")
	if got := stack.ReadRegister(t, port, 41); got != "235" {
		t.Errorf("register holds %s, want 235 still", got)
	}
}

// TestDeviceAPIWithADeviceThatHangs writes to a device that takes a minute for
// an answer and gives none: the client hears in time, a device beside it goes
// on, and the one that hung can be written again when it answers.
func TestDeviceAPIWithADeviceThatHangs(t *testing.T) {
	t.Parallel()
	port := stack.StartPlant(t)
	s := stack.New(t)
	line := stack.StartLink(t, link.Options{Target: "127.0.0.1:" + port})
	_, far, _ := net.SplitHostPort(line.Address())
	hanging := strings.Replace(setpointDevice(far, ""), "slaveID: 1", "slaveID: 1, timeout: 1m", 1)
	m := s.StartMapper("edge-1", map[string]string{"oven.yaml": hanging, "boiler.yaml": stack.ModbusDevice("boiler-1", port)})
	sub := s.Subscribe("sensor/temperature")
	stack.Eventually(t, "a value of each", func() bool {
		return len(sub.Messages("boiler-1")) > 0 && strings.HasSuffix(curlDevice(t, m, "GET", "device/default/oven-1/setpoint"), "200")
	})
	const path = "devicemethod/default/oven-1/SetPoint/setpoint/"
	line.Hold()
	before, begun := len(sub.Messages("boiler-1")), time.Now()
	if got := curlDevice(t, m, "POST", path+"20"); !strings.HasSuffix(got, "504") || !strings.Contains(got, "it may hold it or not") {
		t.Errorf("the write: got %s, want 504, and that the device may hold the value or not", got)
	}
	hung, got := time.Since(begun), sub.Messages("boiler-1")[before:]
	stack.CheckUnbroken(t, "subscriber", got)
	if few := int(hung/stack.CollectCycle) / 2; len(got) < few { // a machine with much else to do sleeps through some
		t.Errorf("got %d values of the other device while one hung for %v, want one every %v", len(got), hung, stack.CollectCycle)
	}
	line.Mend()
	stack.Eventually(t, "the device is written again", func() bool {
		return strings.HasSuffix(curlDevice(t, m, "POST", path+"21"), "200")
	})
	if got := stack.ReadRegister(t, port, 41); got != "210" {
		t.Errorf("register holds %s, want 210", got)
	}
}
