package e2e

import (
	"os"
	"strings"
	"testing"

	"datastub/dataplane"
	"datastub/hack/stack"
)

// crs returns a file of CRs as people have them, with a plant's port in the place
// of their own.
func crs(t *testing.T, file, own, port string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), own) {
		t.Fatalf("%s has no port %s", file, own)
	}
	return strings.Replace(string(data), own, port, 1)
}

// wantNewest waits until the newest value of a device that a subscriber got is
// the one that is wanted.
func wantNewest(t *testing.T, sub *stack.Subscriber, device string, want dataplane.Value) {
	t.Helper()
	stack.Eventually(t, device+" has the value", func() bool {
		got := sub.Messages(device)
		return len(got) > 0 && got[len(got)-1].Value == want
	})
}

// TestTemperatureDemo runs the CRs of KubeEdge's temperature sensor: its switch
// is desired to be on, and clients use its methods.
func TestTemperatureDemo(t *testing.T) {
	t.Parallel()
	port := stack.StartPlant(t)
	stack.WriteCoil(t, port, 0, 0)
	s := stack.New(t)
	m := s.StartMapper("edge-1", map[string]string{"demo.yaml": crs(t, "../../resource/examples/modbus.yaml", "5020", port)})
	temperatures := s.Subscribe("temperature-model/temperature")
	wantNewest(t, temperatures, "temperature-instance", dataplane.FloatValue(23.5))
	stack.Eventually(t, "the switch is on", func() bool { return stack.ReadCoil(t, port, 0) == "1" })

	const methods = "devicemethod/default/temperature-instance/"
	if got := curlDevice(t, m, "POST", methods+"SwitchControl/temperature-switch/0"); !strings.HasSuffix(got, "200") {
		t.Errorf("SwitchControl: got %s", got)
	}
	if got := stack.ReadCoil(t, port, 0); got != "0" {
		t.Errorf("coil 0 is %s, want 0", got)
	}
	if got := curlDevice(t, m, "POST", methods+"UpdateTemperature/temperature/100.5"); !strings.HasSuffix(got, "400") || !strings.Contains(got, "100.5 is not a number from 1 to 100") {
		t.Errorf("UpdateTemperature above max: got %s", got)
	}
	if got := curlDevice(t, m, "POST", methods+"UpdateTemperature/temperature/21.5"); !strings.HasSuffix(got, "200") {
		t.Errorf("UpdateTemperature: got %s", got)
	}
	if got := stack.ReadRegister(t, port, 0); got != "215" {
		t.Errorf("register 0 is %s, want 215", got)
	}
	wantNewest(t, temperatures, "temperature-instance", dataplane.FloatValue(21.5))
}

// TestPascalCaseCRs runs CRs in another spelling.
func TestPascalCaseCRs(t *testing.T) {
	t.Parallel()
	port := stack.StartPlant(t)
	s := stack.New(t)
	s.StartMapper("edge-1", map[string]string{"meter.yaml": crs(t, "testdata/crs/pascal.yaml", "5020", port)})
	wantNewest(t, s.Subscribe("meter-model/energy"), "meter-1", dataplane.IntValue(-1234567890123))
	wantNewest(t, s.Subscribe("meter-model/power"), "meter-1", dataplane.DoubleValue(23.625))
	wantNewest(t, s.Subscribe("meter-model/limit"), "meter-1", dataplane.FloatValue(23.4))
	if got := stack.ReadRegister(t, port, 44); got != "234" {
		t.Errorf("register 44 is %s, want 234", got)
	}
}

// TestSerialPortCRs runs CRs that have a serialPort, and no communicateMode.
func TestSerialPortCRs(t *testing.T) {
	t.Parallel()
	path := stack.StartSerialPlant(t)
	s := stack.New(t)
	m := s.StartMapper("edge-1", map[string]string{"sensor.yaml": crs(t, "testdata/crs/serial.yaml", "/dev/ttyS0", path)})
	wantNewest(t, s.Subscribe("sensor-tag-model/temperature"), "sensor-tag-01", dataplane.FloatValue(23.5))
	enabled := s.Subscribe("sensor-tag-model/temperature-enable")
	wantNewest(t, enabled, "sensor-tag-01", dataplane.IntValue(1))
	const method = "devicemethod/default/sensor-tag-01/Switch/temperature-enable/"
	if got := curlDevice(t, m, "POST", method+"0"); !strings.HasSuffix(got, "200") {
		t.Errorf("Switch: got %s", got)
	}
	wantNewest(t, enabled, "sensor-tag-01", dataplane.IntValue(0))
}
