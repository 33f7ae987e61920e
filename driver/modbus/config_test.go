package modbus_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"

	"datastub/driver"
	"datastub/driver/modbus"
)

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		settings driver.Settings
		want     string
	}{
		{"RTU without a port", driver.Settings{"communicateMode": "rtu", "ip": "10.0.0.1"},
			"serialName is missing: want the path of a serial port, such as /dev/ttyUSB0"},
		{"port of another system", driver.Settings{"serialPort": "COM3"},
			"serialName: COM3 is not the path of a serial port, such as /dev/ttyUSB0"},
		{"two ports", driver.Settings{"serialPort": "/dev/ttyS0", "serialName": "/dev/ttyS1"},
			"serialPort: /dev/ttyS0 is not absent, as serialName is /dev/ttyS1"},
		{"unit on a line", driver.Settings{"serialPort": "/dev/ttyS0", "slaveID": 0},
			"slaveID: 0 is not a whole number from 1 to 247"},
		{"data bits", driver.Settings{"serialPort": "/dev/ttyS0", "dataBits": "7"}, "dataBits: 7 is not 8: RTU sends bytes"},
		{"parity", driver.Settings{"serialPort": "/dev/ttyS0", "parity": "mark"}, "parity: mark is not one of even, odd, none"},
		{"half a certificate", driver.Settings{"communicateMode": "TLS", "ip": "plc", "tlsCert": "/c.pem"},
			"tlsKey is missing: want the key of tlsCert /c.pem"},
		{"relative file", driver.Settings{"communicateMode": "TLS", "ip": "plc", "tlsCA": "ca.pem"},
			"tlsCA: ca.pem is not the path of a file in PEM, from /"},
		{"mode", driver.Settings{"communicateMode": "UDP", "ip": "plc"}, "communicateMode: UDP is not one of TCP, TLS, RTU, RTUOverTCP"},
		{"no address", driver.Settings{"communicateMode": "TCP"}, "ip is missing: want an IP address or a host name, without port"},
		{"slave", driver.Settings{"ip": "plc.example", "slaveID": "256"}, "slaveID: 256 is not a whole number from 0 to 255"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := modbus.New(modbus.Options{}).Open("plc", tt.settings)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// TestAddress opens devices as CRs have them and looks where they dial.
func TestAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		settings driver.Settings
		want     string
	}{
		{driver.Settings{"ip": "10.0.0.7"}, "10.0.0.7:502"},
		{driver.Settings{"IP": "10.0.0.7", "Port": "1502", "SlaveID": "3", "Timeout": "500"}, "10.0.0.7:1502"},
		{driver.Settings{"ip": "fe80::1%eth0", "port": float32(1502)}, ""},
		{driver.Settings{"ip": "fd00::1", "port": float32(1502)}, "[fd00::1]:1502"},
		{driver.Settings{"ip": "plc-1.example", "communicateMode": "tcp", "baudRate": 9600}, "plc-1.example:502"},
		{driver.Settings{"ip": "plc-1.example", "communicateMode": "tls"}, "plc-1.example:802"},
		{driver.Settings{"ip": "10.0.0.8", "communicateMode": "rtuOverTcp", "port": 4001}, "10.0.0.8:4001"},
	} {
		var dialled string
		d := modbus.New(modbus.Options{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			dialled = address
			return nil, errors.New("no route")
		}})
		device, err := d.Open("plc", tt.settings)
		if tt.want == "" {
			if err == nil {
				t.Errorf("%v was taken", tt.settings)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		p := point(t, device, driver.Int, holding("offset", 0))
		if _, err := device.Read(t.Context(), []driver.Point{p}); err == nil || dialled != tt.want {
			t.Errorf("%v: dials %q, %v, want %q", tt.settings, dialled, err, tt.want)
		}
		if err := device.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestUnread tells apart what means nothing to Modbus from what means nothing
// to Modbus over TCP.
func TestUnread(t *testing.T) {
	t.Parallel()
	device := open(t, modbus.New(modbus.Options{}), driver.Settings{
		"ip": "10.0.0.7", "communicateMode": "TCP", "serialPort": "/dev/ttyS0", "parity": "even", "rs485Enabled": false, "Qos": "RT"})
	p := point(t, device, driver.Int, holding("Offset", "2", "limit", 1, "isSwap", false, "topic", "a/b"))
	for _, tt := range []struct {
		of   any
		want []string
	}{{device, []string{"Qos"}}, {p, []string{"topic"}}} {
		if got := tt.of.(driver.Unreader).Unread(); !slices.Equal(got, tt.want) {
			t.Errorf("%T: got %q, want %q", tt.of, got, tt.want)
		}
	}
}
