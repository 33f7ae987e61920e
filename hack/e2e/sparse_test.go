package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/hack/stack"
	"datastub/mapper"
)

// TestSparseRegisters has 200 registers in a row, of which a server that we did
// not write does not have two. All others have values within three cycles and
// ever after; the two are named.
func TestSparseRegisters(t *testing.T) {
	const (
		name  = "sparse"
		first = 2000
		count = 200
		cycle = time.Second
	)
	missing := []int{2057, 2130} // of driver/modbus/testdata/server.py
	port := stack.StartPlant(t)
	s := stack.New(t)
	sub := s.Subscribe("#")
	events := s.Subscribe("$events/#")
	m := s.StartMapper("edge-1", map[string]string{"sparse.yaml": registers(name, port, first, count, cycle)})

	// rounds returns the times of each property's values.
	rounds := func() map[string][]time.Time {
		times := map[string][]time.Time{}
		for _, r := range sub.Messages(name) {
			times[r.Property] = append(times[r.Property], r.Time)
		}
		return times
	}
	stack.Eventually(t, "six values of all that exist", func() bool {
		times := rounds()
		for _, of := range times {
			if len(of) < 6 {
				return false
			}
		}
		return len(times) == count-len(missing)
	})
	times := rounds()
	begin := times[propertyOf(first)][0]
	for property, of := range times {
		if late := of[0].Sub(begin); late >= 3*cycle {
			t.Errorf("%s: the first value came %v after that of the first register, want less than 3 cycles of %v", property, late, cycle)
		}
	}
	stack.CheckUnbroken(t, "values", sub.Messages(name))

	d := devicesOf(t, m.URL())[0]
	for _, at := range missing {
		property := propertyOf(at)
		const reason = "illegal data address (exception 2)"
		if !slices.ContainsFunc(d.Faults, func(f mapper.Fault) bool { return f.Property == property && strings.Contains(f.Reason, reason) }) {
			t.Errorf("/status does not name %s: %+v", property, d.Faults)
		}
		awaitTold(t, events, name, time.Time{}, dataplane.PropertyTopic, dataplane.Faulty, fmt.Sprintf("holding register %d: %s", at, reason))
	}
	if d.State != mapper.Unhealthy || len(d.Faults) != len(missing) {
		t.Errorf("/status: got %s with %d faults, want %s with %d", d.State, len(d.Faults), mapper.Unhealthy, len(missing))
	}
}

func propertyOf(register int) string { return fmt.Sprintf("r%d", register) }

// registers is a device with a property at each of some holding registers.
func registers(name, port string, first, count int, cycle time.Duration) string {
	var model, device strings.Builder
	fmt.Fprintf(&model, `
apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: %s-model}
spec:
  protocol: modbus
  properties:
`, name)
	fmt.Fprintf(&device, `---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: %[1]s}
spec:
  deviceModelRef: {name: %[1]s-model}
  protocol:
    protocolName: modbus
    configData: {communicateMode: TCP, ip: 127.0.0.1, port: %[2]s, slaveID: 1}
  properties:
`, name, port)
	for at := first; at < first+count; at++ {
		fmt.Fprintf(&model, "    - {name: %s, type: INT, accessMode: ReadOnly}\n", propertyOf(at))
		fmt.Fprintf(&device, `    - name: %s
      collectCycle: %d
      visitors: {protocolName: modbus, configData: {register: HoldingRegister, offset: %d, qosClass: RT}}
`, propertyOf(at), cycle.Milliseconds(), at)
	}
	return model.String() + device.String()
}
