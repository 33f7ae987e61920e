package main

import (
	"fmt"
	"strings"
	"time"
)

// A fleetSetup is Modbus devices of a plant, each at an address of its own.
type fleetSetup struct {
	port   string
	single bool // each property is read by a request of its own
}

// fleetFile is how many devices a file has: it may have 1 MiB.
const fleetFile = 100

// files returns the CRs of so many devices.
func (s *fleetSetup) files(devices int, cycle time.Duration) []string {
	var text strings.Builder
	text.WriteString("apiVersion: devices.kubeedge.io/v1beta1\nkind: DeviceModel\nmetadata: {name: meter}\nspec:\n  protocol: modbus\n  properties:\n")
	for n := range fleetRegisters {
		fmt.Fprintf(&text, "    - {name: phase-%d, type: INT, accessMode: ReadOnly}\n", n)
	}
	files := []string{text.String()}
	for first := 0; first < devices; first += fleetFile {
		text.Reset()
		for n := first; n < min(first+fleetFile, devices); n++ {
			s.device(&text, n, cycle)
		}
		files = append(files, text.String())
	}
	return files
}

func (s *fleetSetup) device(text *strings.Builder, n int, cycle time.Duration) {
	apart := ""
	if s.single {
		apart = ", maxRegisters: 1"
	}
	fmt.Fprintf(text, `---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: meter-%04d}
spec:
  deviceModelRef: {name: meter}
  protocol: {protocolName: modbus, configData: {communicateMode: TCP, ip: %s, port: %s, slaveID: 1%s}}
  properties:
`, n, fleetAddress(n), s.port, apart)
	for register := range fleetRegisters {
		fmt.Fprintf(text, "    - {name: phase-%[1]d, collectCycle: %[2]d, visitors: {protocolName: modbus, configData: {register: HoldingRegister, offset: %[1]d, dataType: uint16}}}\n",
			register, cycle.Milliseconds())
	}
}

// fleetAddress is where a device is.
func fleetAddress(n int) string { return fmt.Sprintf("127.1.%d.%d", n/250, 1+n%250) }
