package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/hack/cable"
	"datastub/hack/libmodbus"
	"datastub/hack/stack"
	"datastub/mapper"
)

// TestDeadUnits has 32 units behind a gateway, three of which never answer. The
// living keep 95 % of the cycles that a device keeps which shares nothing.
func TestDeadUnits(t *testing.T) {
	const (
		units  = 32
		alone  = "alone"
		cycles = 20
	)
	dead := []int{10, 21, 32}
	c := cable.Lay(t)
	libmodbus.StartRTU(t, c.There, dead...)
	for _, line := range []struct{ name, settings string }{
		{"TCP", "communicateMode: TCP, ip: 127.0.0.1, port: " + libmodbus.StartTCP(t, dead...)},
		{"RTU", "communicateMode: RTU, serialPort: " + c.Here + ", baudRate: 19200, parity: even"},
	} {
		t.Run(line.name, func(t *testing.T) {
			s := stack.New(t)
			sub := s.Subscribe("#")
			devices := map[string]string{"alone.yaml": unhurried(stack.ModbusDevice(alone, libmodbus.StartTCP(t)))}
			for id := 1; id <= units; id++ {
				devices[fmt.Sprintf("%d.yaml", id)] = unitOn(line.settings, id)
			}
			m := s.StartMapper("edge-1", devices)
			stack.Eventually(t, "all are known to live, or not to", func() bool {
				states := map[mapper.State]int{}
				for _, d := range devicesOf(t, m.URL()) {
					states[d.State]++
				}
				return states[mapper.Offline] == len(dead) && states[mapper.Online] == len(devices)-len(dead)
			})
			began := time.Now()
			stack.Eventually(t, "cycles of the device that is alone", func() bool { return len(since(sub, alone, began)) >= cycles })
			want := len(since(sub, alone, began)) * 95 / 100
			for id := 1; id <= units; id++ {
				got := since(sub, unitName(id), began)
				if slices.Contains(dead, id) != (len(got) == 0) || len(got) > 0 && len(got) < want {
					t.Errorf("unit %d: %d values, want %d at least of a living one", id, len(got), want)
				}
				for _, m := range got {
					if want := dataplane.FloatValue(tenths(libmodbus.Holding(id, 40))); m.Value != want {
						t.Fatalf("unit %d: got %v, want %v", id, m.Value, want)
					}
				}
			}
		})
	}
}

func unitName(id int) string { return fmt.Sprintf("unit-%d", id) }

// unitOn is a device with a register of a unit on a line.
func unitOn(line string, id int) string {
	const alone = "communicateMode: TCP, ip: 127.0.0.1, port: , slaveID: 1"
	return strings.Replace(unhurried(stack.ModbusDevice(unitName(id), "")), alone, fmt.Sprintf("%s, slaveID: %d", line, id), 1)
}

// unhurried has a device read every second: a line that 32 share waits for a dead
// one now and then, and a cycle may be late by that.
func unhurried(device string) string {
	return strings.Replace(device, "collectCycle: 100", "collectCycle: 1000", 1)
}

// since returns the values of a device that arrived after a time.
func since(sub *stack.Subscriber, device string, at time.Time) []stack.Received {
	return slices.DeleteFunc(sub.Messages(device), func(r stack.Received) bool { return r.At.Before(at) })
}

func tenths(n int64) float32 { return float32(float64(n) * 0.1) }
