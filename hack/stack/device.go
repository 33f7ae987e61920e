package stack

import (
	"fmt"
	"strings"
	"time"
)

// CollectCycle is how often a ModbusDevice is read.
const CollectCycle = 100 * time.Millisecond

// ModbusDevice is a device with one property at holding register 40, in
// tenths, read every 100 ms.
func ModbusDevice(name, port string) string {
	return fmt.Sprintf(`
apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: %[1]s-model}
spec:
  protocol: modbus
  properties:
    - {name: temperature, type: FLOAT, accessMode: ReadOnly, unit: °C}
---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: %[1]s}
spec:
  deviceModelRef: {name: %[1]s-model}
  protocol:
    protocolName: modbus
    configData: {communicateMode: TCP, ip: 127.0.0.1, port: %[2]s, slaveID: 1}
  properties:
    - name: temperature
      collectCycle: %[3]d
      visitors:
        protocolName: modbus
        configData:
          register: HoldingRegister
          offset: 40
          limit: 1
          scale: 0.1
          topic: sensor/temperature
          qosClass: RT
`, name, port, CollectCycle.Milliseconds())
}

// VirtualDevice is Counters that are read every 20 ms.
func VirtualDevice(name string) string { return Counters(name, 20*time.Millisecond) }

// Counters is a virtual device with a counter in each class, read and stepped
// every cycle; on KubeEdge it is of the node edge-1, and has twins.
func Counters(name string, cycle time.Duration) string {
	return strings.NewReplacer("NAME", name, "CYCLE", fmt.Sprint(cycle.Milliseconds())).Replace(`
apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: NAME-model}
spec:
  protocol: virtual
  properties:
    - {name: fast, type: INT, accessMode: ReadOnly}
    - {name: slow, type: INT, accessMode: ReadOnly}
---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: NAME}
spec:
  nodeName: edge-1
  deviceModelRef: {name: NAME-model}
  protocol: {protocolName: virtual}
  properties:
    - name: fast
      collectCycle: CYCLE
      reportCycle: 1000
      reportToCloud: true
      visitors:
        protocolName: virtual
        configData: {signal: counter, step: 1, period: CYCLEms, topic: count/fast, qosClass: RT}
    - name: slow
      collectCycle: CYCLE
      reportCycle: 1000
      reportToCloud: true
      visitors:
        protocolName: virtual
        configData: {signal: counter, step: 1, period: CYCLEms, topic: count/slow, qosClass: BT}
`)
}

// A PushMethod is a property of a PushingDevice and its pushMethod, as in a CR.
type PushMethod struct{ Property, Method string }

// PushingDevice is a virtual device with a counter for each PushMethod, read and
// pushed every 100 ms; on KubeEdge it is of the node edge-1.
func PushingDevice(name string, methods ...PushMethod) string {
	var model, device strings.Builder
	for _, m := range methods {
		fmt.Fprintf(&model, "    - {name: %s, type: INT, accessMode: ReadOnly}\n", m.Property)
		fmt.Fprintf(&device, `    - name: %s
      collectCycle: 100
      reportCycle: 100
      pushMethod: {%s}
      visitors: {protocolName: virtual, configData: {signal: counter, step: 1, period: 100ms}}
`, m.Property, m.Method)
	}
	return fmt.Sprintf(`
apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: %[1]s-model}
spec:
  protocol: virtual
  properties:
%[2]s---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: %[1]s}
spec:
  nodeName: edge-1
  deviceModelRef: {name: %[1]s-model}
  protocol: {protocolName: virtual}
  properties:
%[3]s`, name, &model, &device)
}
