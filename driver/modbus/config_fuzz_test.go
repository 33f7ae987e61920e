package modbus

import (
	"net"
	"path/filepath"
	"testing"

	"datastub/driver"
)

// FuzzConfig reads any settings of a device: what is taken can be connected to.
func FuzzConfig(f *testing.F) {
	f.Add("TCP", "127.0.0.1", "502", "1", "1s", "", "", "")
	f.Add("", "::1", "0x1f6", "247", "1000", "/dev/ttyS0", "even", "")
	f.Add("RTU", "plc.example:502", "70000", "-1", "1h", "/dev/ttyUSB0", "none", "9600")
	f.Add("tls", "plc.example", "", "1", "", "", "", "")
	f.Add("RTUOverTCP", "10.0.0.1", "4001", "17", "", "", "", "")
	f.Fuzz(func(t *testing.T, mode, ip, port, unit, timeout, serial, parity, baudRate string) {
		settings := driver.Settings{
			"communicateMode": mode, "ip": ip, "port": port, "slaveID": unit, "timeout": timeout,
			"serialPort": serial, "parity": parity, "baudRate": baudRate,
		}
		r := settings.Reader()
		c := readConfig(r)
		if r.Err() != nil {
			return
		}
		if c.line != readConfig(settings.Reader()).line {
			t.Fatalf("%v is two lines", settings)
		}
		if c.timeout < minTimeout || c.timeout > maxTimeout {
			t.Fatalf("%q is taken for %v", timeout, c.timeout)
		}
		if c.line.mode == overSerial {
			if !filepath.IsAbs(c.line.address) || c.line.pace().character <= 0 || c.unit == 0 || c.unit > maxUnit {
				t.Fatalf("%v is taken for unit %d at %q, %v", settings, c.unit, c.line.address, c.line)
			}
			return
		}
		host, _, err := net.SplitHostPort(c.line.address)
		if err != nil || host == "" || net.ParseIP(host) == nil && !hostName.MatchString(host) {
			t.Fatalf("%v is taken for %q: %v", settings, c.line.address, err)
		}
	})
}
