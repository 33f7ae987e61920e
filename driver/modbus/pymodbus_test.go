package modbus_test

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"datastub/driver"
	"datastub/driver/modbus"
)

// open opens a device until the test ends.
func open(t *testing.T, d *modbus.Driver, settings driver.Settings) driver.Device {
	t.Helper()
	device, err := d.Open("plc", settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := device.Close(); err != nil {
			t.Error(err)
		}
	})
	return device
}

// point makes a point of a device.
func point(t *testing.T, device driver.Device, typ driver.Type, settings driver.Settings) driver.Point {
	t.Helper()
	p, err := device.Point(register("p", typ, settings))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// read reads one point, of which the device must tell something.
func read(t *testing.T, device driver.Device, p driver.Point) driver.Reading {
	t.Helper()
	readings, err := device.Read(t.Context(), []driver.Point{p})
	if err != nil {
		t.Fatal(err)
	}
	return readings[0]
}

// TestValues reads testdata/server.py's registers, all in one read.
func TestValues(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	device := open(t, modbus.New(modbus.Options{}), s.settings())
	cases := []struct {
		name     string
		typ      driver.Type
		settings driver.Settings
		want     any
		suspect  string
	}{
		{"KubeEdge's temperature", driver.Float, holding("offset", 0, "limit", 1, "scale", 0.1, "isSwap", false, "isRegisterSwap", "false"), float32(23.5), ""},
		{"scaled INT is rounded", driver.Int, holding("offset", 0, "limit", 1, "scale", 0.1), int64(24), ""},
		{"int16", driver.Int, holding("offset", 1), int64(-2), ""},
		{"uint16", driver.Int, holding("offset", 1, "dataType", "UINT16"), int64(65534), ""},
		{"int32", driver.Int, holding("offset", 2, "limit", 2), int64(-123456), ""},
		{"int64", driver.Int, holding("offset", 4, "limit", 4), int64(-1234567890123), ""},
		{"uint32", driver.Int, holding("offset", 8, "dataType", "uint32"), int64(40000 << 16), ""},
		{"float32", driver.Float, holding("offset", 10, "limit", 2), float32(23.625), ""},
		{"float64", driver.Double, holding("offset", 12, "limit", 4), 3.141592653589793, ""},
		{"words swapped", driver.Double, holding("offset", 16, "dataType", "float32", "isRegisterSwap", "true"), 23.625, ""},
		{"bytes swapped", driver.Float, holding("offset", 18, "limit", 2, "isSwap", true), float32(23.625), ""},
		{"both swapped", driver.Float, holding("offset", 20, "limit", 2, "isSwap", 1, "isRegisterSwap", 1), float32(23.625), ""},
		{"text", driver.String, holding("offset", 22, "limit", 5), "Kessel 7", ""},
		{"uint64", driver.Int, holding("offset", 27, "dataType", "uint64"), uint64(math.MaxUint64), ""},
		{"number as text", driver.String, holding("offset", 0, "dataType", "int", "scale", "0.1"), "23.5", ""},
		{"below min", driver.Int, holding("offset", 1, "min", 0, "max", 10), int64(-2), "below min 0"},
		{"above max", driver.Float, holding("offset", 0, "scale", 0.1, "max", "20.5"), float32(23.5), "above max 20.5"},
		{"last address", driver.Int, holding("offset", 65535), int64(4711), ""},
		{"input register", driver.Boolean, driver.Settings{"register": "InputRegister", "offset": 0}, true, ""},
		{"coils as INT", driver.Int, driver.Settings{"register": "CoilRegister", "offset": 0, "limit": 4}, int64(0b1101), ""},
		{"discrete inputs as BOOLEAN", driver.Boolean, driver.Settings{"register": "DiscreteInputRegister", "offset": 0}, false, ""},
		{"125 registers", driver.Bytes, holding("offset", 1000, "limit", 1, "dataType", "bytes"), []byte{1000 >> 8, 1000 & 0xFF}, ""},
	}
	points := make([]driver.Point, len(cases))
	for i, c := range cases {
		points[i] = point(t, device, c.typ, c.settings)
	}
	readings, err := device.Read(t.Context(), points)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		r := readings[i]
		if r.Err != nil || !reflect.DeepEqual(r.Value, c.want) || r.Suspect != c.suspect {
			t.Errorf("%s: got %v (%T) %q, %v, want %v (%T) %q", c.name, r.Value, r.Value, r.Suspect, r.Err, c.want, c.want, c.suspect)
		}
	}
	nan := read(t, device, point(t, device, driver.Double, holding("offset", 31, "limit", 2)))
	if f, ok := nan.Value.(float64); !ok || !math.IsNaN(f) || nan.Suspect != "not a number" {
		t.Errorf("NaN: got %v %q, %v", nan.Value, nan.Suspect, nan.Err)
	}
	if r := read(t, device, point(t, device, driver.Int, holding("offset", 31, "dataType", "float32"))); r.Err == nil {
		t.Errorf("NaN as INT: got %v, want an error", r.Value)
	}
}

// TestBadPointHarmsNoOther reads points of which some do not exist on the
// device, twice: what was learned of the device does not change what is said.
func TestBadPointHarmsNoOther(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	device := open(t, modbus.New(modbus.Options{}), s.settings())
	const wantErr = "illegal data address (exception 2)"
	cases := []struct {
		settings driver.Settings
		want     any // nil: wantErr
	}{
		{holding("offset", 58), int64(0)},
		{holding("offset", 59), int64(0)},
		{holding("offset", 60), nil},
		{holding("offset", 59, "limit", 2), nil},
		{holding("offset", 69), nil},
		{holding("offset", 70), int64(70)},
		{holding("offset", 71), int64(71)},
		{holding("offset", 72), nil},
		{driver.Settings{"register": "InputRegister", "offset": 3}, nil},
		{driver.Settings{"register": "InputRegister", "offset": 2}, int64(9)},
	}
	points := make([]driver.Point, len(cases))
	for i, c := range cases {
		points[i] = point(t, device, driver.Int, c.settings)
	}
	for round := range 2 {
		readings, err := device.Read(t.Context(), points)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range cases {
			switch r := readings[i]; {
			case c.want == nil && (r.Err == nil || r.Value != nil || !contains(r.Err, wantErr, points[i].String())):
				t.Errorf("round %d, %v: got %v, %v, want %q", round, points[i], r.Value, r.Err, wantErr)
			case c.want != nil && (r.Err != nil || r.Value != c.want):
				t.Errorf("round %d, %v: got %v, %v, want %v", round, points[i], r.Value, r.Err, c.want)
			}
		}
	}
}

// TestWrites writes and asks mbpoll, which knows nothing of this driver, what
// the device then has.
func TestWrites(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	device := open(t, modbus.New(modbus.Options{}), s.settings())
	for _, c := range []struct {
		name     string
		typ      driver.Type
		settings driver.Settings
		value    any
		table    string // mbpoll's -t
		at       int
		want     string
	}{
		{"int16", driver.Int, holding("offset", 40), int64(-7), "4:hex", 40, "0xFFF9"},
		{"uint16", driver.Int, holding("offset", 40, "dataType", "uint16"), int64(65535), "4:hex", 40, "0xFFFF"},
		{"scaled", driver.Float, holding("offset", 41, "scale", 0.1), float32(23.5), "4", 41, "235"},
		{"int32", driver.Int, holding("offset", 42, "limit", 2), int64(-123456), "4:int", 42, "-123456"},
		{"float32", driver.Double, holding("offset", 44, "limit", 2), 1.5, "4:float", 44, "1.5"},
		{"words swapped", driver.Int, holding("offset", 46, "limit", 2, "isRegisterSwap", true), int64(65538), "4:hex", 46, "0x0002"},
		{"bytes swapped", driver.Int, holding("offset", 48, "isSwap", true), int64(0x0102), "4:hex", 48, "0x0201"},
		{"text", driver.String, holding("offset", 49, "limit", 2), "Ab", "4:hex", 49, "0x4162"},
		{"boolean", driver.Boolean, holding("offset", 51, "scale", 10), true, "4", 51, "1"},
		{"coil", driver.Int, driver.Settings{"register": "CoilRegister", "offset": 20}, int64(1), "0", 20, "1"},
		{"coils", driver.Int, driver.Settings{"register": "CoilRegister", "offset": 21, "limit": 10}, int64(0x200), "0", 30, "1"},
	} {
		p := point(t, device, c.typ, c.settings)
		if err := device.Write(t.Context(), p, c.value); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := s.mbpoll(t, "-t", c.table, "-r", strconv.Itoa(c.at), "127.0.0.1")[c.at]; got != c.want {
			t.Errorf("%s: mbpoll reads %q, want %q", c.name, got, c.want)
		}
	}
}

// TestMbpollReadsTheSame reads each table, and has mbpoll read it.
func TestMbpollReadsTheSame(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	device := open(t, modbus.New(modbus.Options{}), s.settings())
	for _, c := range []struct {
		table    string // mbpoll's -t
		typ      driver.Type
		settings driver.Settings
	}{
		{"0", driver.Int, bitsOf("CoilRegister", 2, 1)},
		{"0", driver.Int, bitsOf("CoilRegister", 4, 1)},
		{"1", driver.Int, bitsOf("DiscreteInputRegister", 1, 1)},
		{"3", driver.Int, bitsOf("InputRegister", 2, 1)},
		{"3:hex", driver.Int, bitsOf("InputRegister", 1, 1)},
		{"4:hex", driver.Int, holding("offset", 1, "dataType", "uint16")},
		{"4:int", driver.Int, holding("offset", 2, "dataType", "int32")},
		{"4:float", driver.Float, holding("offset", 10, "dataType", "float32")},
		{"4", driver.Int, holding("offset", 65535, "dataType", "uint16")},
	} {
		p := point(t, device, c.typ, c.settings)
		at := c.settings["offset"].(int)
		want := s.mbpoll(t, "-t", c.table, "-r", strconv.Itoa(at), "127.0.0.1")[at]
		layout := "%v"
		if strings.HasSuffix(c.table, "hex") {
			layout = "0x%04X"
		}
		if got := fmt.Sprintf(layout, read(t, device, p).Value); got != want {
			t.Errorf("%v: got %s, mbpoll reads %s", p, got, want)
		}
	}
}

// TestReadsWhatMbpollWrites has another program fill the registers.
func TestReadsWhatMbpollWrites(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	device := open(t, modbus.New(modbus.Options{}), s.settings())
	s.mbpoll(t, "-t", "4:float", "-r", "50", "127.0.0.1", "--", "-12.25")
	s.mbpoll(t, "-t", "4:int", "-r", "52", "127.0.0.1", "--", "-70000")
	s.mbpoll(t, "-t", "0", "-r", "22", "127.0.0.1", "1")
	for _, c := range []struct {
		typ      driver.Type
		settings driver.Settings
		want     any
	}{
		{driver.Float, holding("offset", 50, "limit", 2), float32(-12.25)},
		{driver.Int, holding("offset", 52, "limit", 2), int64(-70000)},
		{driver.Boolean, driver.Settings{"register": "CoilRegister", "offset": 22}, true},
	} {
		if r := read(t, device, point(t, device, c.typ, c.settings)); r.Value != c.want {
			t.Errorf("got %v, %v, want %v", r.Value, r.Err, c.want)
		}
	}
}

// TestRefusedWrites writes what must not reach the device.
func TestRefusedWrites(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	device := open(t, modbus.New(modbus.Options{}), s.settings())
	for _, c := range []struct {
		typ      driver.Type
		settings driver.Settings
		value    any
		want     string
	}{
		{driver.Double, holding("offset", 40, "limit", 2), math.NaN(), "not a number"},
		{driver.Int, holding("offset", 40), int64(40000), "does not fit int16 of 16 bits: want -32768 to 32767"},
		{driver.Int, holding("offset", 40, "dataType", "uint16"), int64(-1), "does not fit uint16 of 16 bits: want 0 to 65535"},
		{driver.Int, holding("offset", 40, "dataType", "bcd16"), int64(10000), "does not fit bcd16 of 16 bits: want 0 to 9999"},
		{driver.Int, holding("offset", 40, "dataType", "bcd64"), int64(-1), "does not fit bcd64 of 64 bits: want 0 to 9999999999999999"},
		{driver.Int, holding("offset", 40, "dataType", "uint64"), int64(-1), "does not fit uint64 of 64 bits: want 0 to 18446744073709551615"},
		{driver.Double, holding("offset", 40, "dataType", "int64"), 1e19, "does not fit int64 of 64 bits: want -9223372036854775808 to 9223372036854775807"},
		{driver.Double, holding("offset", 40, "limit", 2), 1e300, "does not fit"},
		{driver.String, holding("offset", 40, "limit", 1), "abc", "2 at most"},
		{driver.String, holding("offset", 40, "dataType", "int16"), "abc", "not a number"},
		{driver.Bytes, holding("offset", 40, "limit", 1), []byte{1}, "want 2"},
		{driver.Bytes, holding("offset", 40, "limit", 124), make([]byte, 248), "123 at most"},
		{driver.Int, driver.Settings{"register": "CoilRegister", "offset": 20, "limit": 2}, int64(4), "does not fit bits of 2 bits: want 0 to 3"},
		{driver.Int, holding("offset", 60), int64(1), "write holding register 60: illegal data address (exception 2)"},
	} {
		p := point(t, device, c.typ, c.settings)
		if err := device.Write(t.Context(), p, c.value); err == nil || !contains(err, c.want) {
			t.Errorf("write %v of %v: got %v, want %q", p, c.value, err, c.want)
		}
	}
}
