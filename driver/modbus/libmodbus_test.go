package modbus_test

import (
	"reflect"
	"strconv"
	"testing"

	"datastub/driver"
	"datastub/driver/modbus"
	"datastub/hack/cable"
	"datastub/hack/libmodbus"
)

// libmodbusUnit is the unit of its servers that tests are about.
const libmodbusUnit = 5

// TestLibmodbus reads and writes a server on libmodbus, and asks mbpoll what it
// then has.
func TestLibmodbus(t *testing.T) {
	t.Parallel()
	port, err := strconv.Atoi(libmodbus.StartTCP(t))
	if err != nil {
		t.Fatal(err)
	}
	settings := (&server{port: port}).settings()
	settings["slaveID"] = libmodbusUnit
	checkLibmodbus(t, settings, "127.0.0.1", "-p", strconv.Itoa(port))
}

// TestLibmodbusOnALine does the same on a serial line.
func TestLibmodbusOnALine(t *testing.T) {
	t.Parallel()
	c := cable.Lay(t)
	libmodbus.StartRTU(t, c.There)
	checkLibmodbus(t, lineSettings(c, libmodbusUnit), c.Here, "-m", "rtu", "-b", "19200", "-P", "even")
}

// checkLibmodbus checks the unit by its settings, and by mbpoll at a host or port
// and with further arguments.
func checkLibmodbus(t *testing.T, settings driver.Settings, at string, args ...string) {
	t.Helper()
	device, err := modbus.New(modbus.Options{}).Open("plc", settings)
	if err != nil {
		t.Fatal(err)
	}
	checkLibmodbusReads(t, device)
	checkLibmodbusWrites(t, device)
	if err := device.Close(); err != nil { // a serial port is one program's
		t.Error(err)
	}
	for _, w := range libmodbusWrites {
		got := mbpoll(t, append(args, "-a", strconv.Itoa(libmodbusUnit), "-t", w.table, "-r", strconv.Itoa(w.at), at)...)[w.at]
		if got != w.holds {
			t.Errorf("function %d: mbpoll reads %q, want %q", w.function, got, w.holds)
		}
	}
}

// checkLibmodbusReads reads every address of all tables, and one behind each.
func checkLibmodbusReads(t *testing.T, device driver.Device) {
	t.Helper()
	var points []driver.Point
	var want []any
	all := func(register string, typ driver.Type, count int, value func(at int) any) {
		for at := range count {
			points = append(points, point(t, device, typ, driver.Settings{"register": register, "offset": at}))
			want = append(want, value(at))
		}
		points = append(points, point(t, device, typ, driver.Settings{"register": register, "offset": count}))
		want = append(want, nil)
	}
	all("CoilRegister", driver.Boolean, libmodbus.Bits, func(at int) any { return libmodbus.Coil(at) })
	all("DiscreteInputRegister", driver.Boolean, libmodbus.Bits, func(at int) any { return libmodbus.Discrete(at) })
	all("HoldingRegister", driver.Int, libmodbus.Registers, func(at int) any { return libmodbus.Holding(libmodbusUnit, at) })
	all("InputRegister", driver.Int, libmodbus.Registers, func(at int) any { return libmodbus.Input(at) })
	readings, err := device.Read(t.Context(), points)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range readings {
		switch {
		case want[i] == nil && (r.Err == nil || !contains(r.Err, "illegal data address (exception 2)")):
			t.Errorf("%v: got %v, %v, want exception 2", points[i], r.Value, r.Err)
		case !reflect.DeepEqual(r.Value, want[i]):
			t.Errorf("%v: got %v, %v, want %v", points[i], r.Value, r.Err, want[i])
		}
	}
}

// libmodbusWrites are one by each function, and what mbpoll reads then, at an
// address of one of its tables.
var libmodbusWrites = []struct {
	function int
	typ      driver.Type
	settings driver.Settings
	value    any
	table    string
	at       int
	holds    string
}{
	{5, driver.Boolean, driver.Settings{"register": "CoilRegister", "offset": 1}, true, "0", 1, "1"},
	{6, driver.Int, holding("offset", 10), int64(-7), "4:hex", 10, "0xFFF9"},
	{15, driver.Int, driver.Settings{"register": "CoilRegister", "offset": 20, "limit": 10}, int64(0x201), "0", 29, "1"},
	{16, driver.Double, holding("offset", 12, "limit", 2), -12.25, "4:float", 12, "-12.25"},
	{22, driver.Boolean, holding("offset", 30, "bit", 15), true, "4:hex", 30, "0x851E"},
}

// checkLibmodbusWrites writes by each function, and reads it back.
func checkLibmodbusWrites(t *testing.T, device driver.Device) {
	t.Helper()
	for _, w := range libmodbusWrites {
		p := point(t, device, w.typ, w.settings)
		if err := device.Write(t.Context(), p, w.value); err != nil {
			t.Errorf("function %d: %v", w.function, err)
			continue
		}
		if r := read(t, device, p); !reflect.DeepEqual(r.Value, w.value) {
			t.Errorf("function %d: wrote %v, read %v, %v", w.function, w.value, r.Value, r.Err)
		}
	}
}
