package modbus

import (
	"net"
	"testing"

	"datastub/driver"
)

// FuzzConfig reads any settings of a device: what is taken can be dialled.
func FuzzConfig(f *testing.F) {
	f.Add("TCP", "127.0.0.1", "502", "1", "1s", "")
	f.Add("", "::1", "0x1f6", "247", "1000", "/dev/ttyS0")
	f.Add("RTU", "plc.example:502", "70000", "-1", "1h", "9600")
	f.Fuzz(func(t *testing.T, mode, ip, port, unit, timeout, serial string) {
		settings := driver.Settings{"communicateMode": mode, "ip": ip, "port": port, "slaveID": unit, "timeout": timeout, "serialPort": serial}
		r := settings.Reader()
		c := readConfig(r)
		if r.Err() != nil {
			return
		}
		host, _, err := net.SplitHostPort(c.address)
		if err != nil || host == "" || net.ParseIP(host) == nil && !hostName.MatchString(host) {
			t.Fatalf("%v is taken for %q: %v", settings, c.address, err)
		}
		if c.timeout < minTimeout || c.timeout > maxTimeout {
			t.Fatalf("%q is taken for %v", timeout, c.timeout)
		}
	})
}
