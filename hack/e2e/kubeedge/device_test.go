package kubeedge

import (
	"fmt"
	"time"

	"datastub/hack/stack"
)

// A meter is a Device for Modbus, with its DeviceModel: a temperature in tenths at
// holding register 40 and, where it has one, a level that may be written.
type meter struct {
	name, port string
	level      int    // the register of the level; 0: it has none
	desired    string // what the level is to be; empty: as it is
	unit       string // the level's, in the model
	settings   string // further ones of the protocol
}

// text returns it as YAML.
func (m meter) text() string {
	var model, device string
	if m.level != 0 {
		model = fmt.Sprintf("    - {name: level, type: INT, accessMode: ReadWrite, unit: %q}\n", m.unit)
		device = fmt.Sprintf(`    - name: level
      collectCycle: 100
      reportCycle: 1000
      reportToCloud: true
      desired: {value: %q}
      visitors: {protocolName: modbus, configData: {register: HoldingRegister, offset: %d, limit: 1, topic: tank/level}}
`, m.desired, m.level)
	}
	return fmt.Sprintf(`apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: %[1]s-model}
spec:
  protocol: modbus
  properties:
    - {name: temperature, type: FLOAT, accessMode: ReadOnly, unit: °C}
%[3]s---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: %[1]s}
spec:
  nodeName: edge-1
  deviceModelRef: {name: %[1]s-model}
  protocol:
    protocolName: modbus
    configData: {communicateMode: TCP, ip: 127.0.0.1, port: %[2]s, slaveID: 1%[5]s}
  properties:
    - name: temperature
      collectCycle: 100
      reportCycle: 1000
      reportToCloud: true
      visitors:
        protocolName: modbus
        configData: {register: HoldingRegister, offset: 40, limit: 1, scale: 0.1, topic: sensor/temperature, qosClass: RT}
%[4]s`, m.name, m.port, model, device, m.settings)
}

// countersCycle is how often counters are read.
const countersCycle = 100 * time.Millisecond

// counters are read less often than elsewhere: KubeEdge is on the same machine.
func counters(name string) string { return stack.Counters(name, countersCycle) }
