package e2e

import (
	"os/exec"
	"strings"
	"testing"

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
