package modbus_test

import (
	"testing"

	"datastub/driver"
	"datastub/driver/modbus"
	"datastub/hack/cable"
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
		"baudRate": 19200, "dataBits": "8", "stopBits": 1, "parity": "even", "timeout": 5000,
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
		return driver.Settings{"communicateMode": "RTUOverTCP", "ip": "127.0.0.1", "port": s.port, "slaveID": unit, "timeout": "5s"}
	}
	testUnits(t, open(t, d, settings(1)), open(t, d, settings(2)))
}
