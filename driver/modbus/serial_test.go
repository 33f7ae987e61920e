package modbus_test

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"datastub/driver"
	"datastub/driver/modbus"
	"datastub/hack/cable"
	"datastub/hack/poll"
)

// TestSerial reads and writes two units of pymodbus on one serial line.
func TestSerial(t *testing.T) {
	t.Parallel()
	c := cable.Lay(t)
	startServer(t, "--serial", c.There)
	d := modbus.New(modbus.Options{})
	one, two := open(t, d, lineSettings(c, 1)), open(t, d, lineSettings(c, 2))
	testUnits(t, one, two)
}

// lineSettings are those of a unit at the other end of a cable, in KubeEdge's
// spelling.
func lineSettings(c *cable.Cable, unit int) driver.Settings {
	return driver.Settings{
		"communicateMode": "RTU", "serialName": c.Here, "slaveID": unit,
		"baudRate": 19200, "dataBits": "8", "stopBits": 1, "parity": "even", "timeout": 60000,
	}
}

// testUnits reads, writes and is refused at units 1 and 2 of testdata/server.py.
func testUnits(t *testing.T, one, two driver.Device) {
	t.Helper()
	for range 3 {
		r := read(t, one, point(t, one, driver.Float, holding("offset", 10, "limit", 2)))
		if r.Value != float32(23.625) {
			t.Errorf("unit 1: got %v, %v", r.Value, r.Err)
		}
		if r := read(t, two, point(t, two, driver.Int, holding("offset", 0))); r.Value != int64(22) {
			t.Errorf("unit 2: got %v, %v", r.Value, r.Err)
		}
	}
	p := point(t, one, driver.Bytes, holding("offset", 1000, "limit", 125, "dataType", "bytes"))
	if r := read(t, one, p); r.Err != nil || len(r.Value.([]byte)) != 250 {
		t.Errorf("125 registers: got %v, %v", r.Value, r.Err)
	}
	coils := driver.Settings{"register": "CoilRegister", "offset": 20, "limit": 10}
	if p := point(t, one, driver.Int, coils); one.Write(t.Context(), p, int64(0x2A5)) != nil || read(t, one, p).Value != int64(0x2A5) {
		t.Error("coils are not what was written")
	}
	for _, value := range []int64{70000, -3} {
		p := point(t, one, driver.Int, holding("offset", 42, "limit", 2))
		if err := one.Write(t.Context(), p, value); err != nil {
			t.Error(err)
		}
		if r := read(t, one, p); r.Value != value {
			t.Errorf("got %v, %v, want %v", r.Value, r.Err, value)
		}
	}
	if r := read(t, one, point(t, one, driver.Int, holding("offset", 60))); r.Err == nil || !contains(r.Err, "illegal data address (exception 2)") {
		t.Errorf("got %v, %v, want exception 2", r.Value, r.Err)
	}
}

// TestRTUOverTCP reads and writes units of pymodbus behind a connection.
func TestRTUOverTCP(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--rtu")
	d := modbus.New(modbus.Options{})
	settings := func(unit int) driver.Settings {
		return driver.Settings{"communicateMode": "RTUOverTCP", "ip": "127.0.0.1", "port": s.port, "slaveID": unit, "timeout": "1m"}
	}
	testUnits(t, open(t, d, settings(1)), open(t, d, settings(2)))
}

// TestPortComesBack pulls the cable and plugs it in again.
func TestPortComesBack(t *testing.T) {
	t.Parallel()
	c := cable.Lay(t)
	s := startServer(t, "--serial", c.There)
	settings := lineSettings(c, 1)
	settings["timeout"] = "5s" // a port may be there before its server
	device := open(t, modbus.New(modbus.Options{}), settings)
	points := []driver.Point{point(t, device, driver.Int, holding("offset", 1))}
	read(t, device, points[0])
	c.Pull()
	poll.Within(t, 20*time.Second, "the port is missed", func() bool {
		_, err := device.Read(t.Context(), points)
		return err != nil && contains(err, "see /dev/serial/by-id")
	})
	s.stop(t)
	c.Plug(t)
	s.start(t)
	poll.Within(t, 60*time.Second, "the port is used again", func() bool {
		_, err := device.Read(t.Context(), points)
		return err == nil
	})
}

// TestPortErrors says why a port cannot be opened.
func TestPortErrors(t *testing.T) {
	t.Parallel()
	settings := wire(t, time.Second, func(port *os.File, request []byte) { _, _ = port.Write(registerFrame(request)) })
	user := open(t, modbus.New(modbus.Options{}), settings(1))
	read(t, user, point(t, user, driver.Int, holding("offset", 1)))
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, settings := range map[string]driver.Settings{
		"no such file or directory: the adapter is not plugged in": {"serialName": "/dev/no-such-port"},
		"no serial port": {"serialName": file},
		"another program has the serial port open": settings(1),
	} {
		device := open(t, modbus.New(modbus.Options{}), settings)
		_, err := device.Read(t.Context(), []driver.Point{point(t, device, driver.Int, holding("offset", 1))})
		if !errors.Is(err, driver.ErrUnreachable) || !contains(err, want) {
			t.Errorf("got %v, want ErrUnreachable and %q", err, want)
		}
	}
}

// TestPortOfOthers opens a port as a user who may not. Root may all, but for the
// thread that gives that up, and is not used again.
func TestPortOfOthers(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/port"
	if err := os.WriteFile(file, nil, 0); err != nil {
		t.Fatal(err)
	}
	device := open(t, modbus.New(modbus.Options{}), driver.Settings{"serialName": file})
	points := []driver.Point{point(t, device, driver.Int, holding("offset", 1))}
	failed := make(chan error)
	go func() {
		const nobody = 65534
		runtime.LockOSThread()
		if err := syscall.Setfsuid(nobody); err != nil {
			failed <- err
			return
		}
		_, err := device.Read(t.Context(), points)
		failed <- err
	}()
	const want = "permission denied: the mapper must be in the port's group"
	if err := <-failed; !errors.Is(err, driver.ErrUnreachable) || !contains(err, want) {
		t.Errorf("got %v, want ErrUnreachable and %q", err, want)
	}
}
