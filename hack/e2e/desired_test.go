package e2e

import (
	"fmt"
	"testing"

	"datastub/dataplane"
	"datastub/hack/stack"
)

// setpointDevice is a device whose temperature, at holding register 40, is
// read every 100 ms, and whose setpoint, at 41 in tenths, is desired to be what
// the CR says.
func setpointDevice(port, desired string) string {
	return fmt.Sprintf(`
apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: oven-model}
spec:
  protocol: modbus
  properties:
    - {name: temperature, type: INT, accessMode: ReadOnly}
    - {name: setpoint, type: FLOAT, accessMode: ReadWrite, minimum: "0", maximum: "250"}
---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: oven-1}
spec:
  deviceModelRef: {name: oven-model}
  protocol:
    protocolName: modbus
    configData: {communicateMode: TCP, ip: 127.0.0.1, port: %s, slaveID: 1}
  methods:
    - {name: SetPoint, propertyNames: [setpoint, temperature]}
  properties:
    - name: temperature
      collectCycle: 100
      visitors:
        protocolName: modbus
        configData: {register: HoldingRegister, offset: 40, limit: 1, topic: oven/temperature, qosClass: RT}
    - name: setpoint
      collectCycle: 200
      desired: {value: %q}
      visitors:
        protocolName: modbus
        configData: {register: HoldingRegister, offset: 41, limit: 1, scale: 0.1, topic: oven/setpoint, qosClass: RT}
`, port, desired)
}

// TestDesiredValue changes a desired value in a CR: the register holds it, its
// neighbour misses no cycle, and what the device changes later is not fought.
func TestDesiredValue(t *testing.T) {
	port := stack.StartPlant(t)
	stack.WriteRegister(t, port, 41, 7)
	s := stack.New(t)
	m := s.StartMapper("edge-1", map[string]string{"oven.yaml": setpointDevice(port, "")})
	temperatures, setpoints := s.Subscribe("oven/temperature"), s.Subscribe("oven/setpoint")
	holds := func(value float32) {
		t.Helper()
		stack.Eventually(t, fmt.Sprintf("the setpoint %v at the subscriber", value), func() bool {
			got := setpoints.Messages("oven-1")
			return len(got) > 0 && got[len(got)-1].Value == dataplane.FloatValue(value)
		})
	}
	holds(0.7)
	for _, step := range []struct {
		desired string
		value   float32
		raw     string
	}{{"23.46", 23.5, "235"}, {"900", 23.5, "235"}, {"180", 180, "1800"}} { // 900 is above max
		m.Write("oven.yaml", setpointDevice(port, step.desired))
		holds(step.value)
		if got := stack.ReadRegister(t, port, 41); got != step.raw {
			t.Errorf("desired %s: register holds %s, want %s", step.desired, got, step.raw)
		}
	}
	stack.WriteRegister(t, port, 41, 111)
	holds(11.1)
	before := len(temperatures.Messages("oven-1"))
	stack.Eventually(t, "more temperatures", func() bool { return len(temperatures.Messages("oven-1")) > before+10 })
	if got := stack.ReadRegister(t, port, 41); got != "111" {
		t.Errorf("register holds %s, want 111 still", got)
	}
	stack.CheckUnbroken(t, "temperatures", temperatures.Messages("oven-1"))
}
