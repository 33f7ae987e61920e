package coap_test

import (
	"errors"
	"math"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"datastub/driver"
)

// TestValues reads what libcoap's client has put, in every type.
func TestValues(t *testing.T) {
	t.Parallel()
	const document = `{"n":18446744073709551615,"f":-0.5,"s":"a \"b\"","b":true,"o":{"x":[null,{"y":7}]},"list":[1,2]}`
	s := startServer(t)
	device := open(t, s.settings())
	for _, c := range []struct {
		name            string
		format, payload string // of coap-client
		typ             driver.Type
		settings        driver.Settings
		want            any
		suspect         string
		err             string
	}{
		{"INT", "text/plain", "-7", driver.Int, nil, int64(-7), "", ""},
		{"INT is trimmed", "text/plain", " 42 ", driver.Int, nil, int64(42), "", ""},
		{"INT is rounded", "text/plain", "-2.5", driver.Int, nil, int64(-3), "", ""},
		{"INT of 1e3", "text/plain", "1e3", driver.Int, nil, int64(1000), "", ""},
		{"INT too large", "text/plain", "1e20", driver.Int, nil, nil, "", "not a whole number of 64 bits"},
		{"INT of NaN", "text/plain", "NaN", driver.Int, nil, nil, "", "not a whole number of 64 bits"},
		{"INT with a unit", "text/plain", "21 C", driver.Int, nil, nil, "", `"21 C" is not a number`},
		{"FLOAT", "text/plain", "0.1", driver.Float, nil, float32(0.1), "", ""},
		{"FLOAT too large", "text/plain", "1e39", driver.Float, nil, nil, "", "is not a number of 32 bits"},
		{"DOUBLE", "text/plain", "0.1", driver.Double, nil, 0.1, "", ""},
		{"infinity", "text/plain", "inf", driver.Double, nil, math.Inf(1), "infinite", ""},
		{"BOOLEAN on", "text/plain", "ON", driver.Boolean, nil, true, "", ""},
		{"BOOLEAN 0", "text/plain", "0.0", driver.Boolean, nil, false, "", ""},
		{"BOOLEAN of a word", "text/plain", "maybe", driver.Boolean, nil, nil, "", "is not true, false, on, off or a number"},
		{"STRING", "text/plain", " as it is ", driver.String, nil, " as it is ", "", ""},
		{"STRING that is not UTF-8", "text/plain", "a%FFb", driver.String, nil, "a\uFFFDb", "text is not UTF-8", ""},
		{"BYTES of text", "text/plain", "%00%01", driver.Bytes, nil, []byte{0, 1}, "", ""},
		{"JSON, uint64", "json", document, driver.Int, driver.Settings{"jsonKey": "n"}, uint64(math.MaxUint64), "", ""},
		{"JSON, number", "json", document, driver.Double, driver.Settings{"jsonKey": "f"}, -0.5, "", ""},
		{"JSON, string", "json", document, driver.String, driver.Settings{"jsonKey": "s"}, `a "b"`, "", ""},
		{"JSON, boolean", "json", document, driver.Boolean, driver.Settings{"jsonKey": "b"}, true, "", ""},
		{"JSON, deep", "json", document, driver.Int, driver.Settings{"jsonKey": "o.x.1.y"}, int64(7), "", ""},
		{"JSON, a list as text", "json", document, driver.String, driver.Settings{"jsonKey": "list"}, "[1,2]", "", ""},
		{"JSON, the whole", "json", "12.5", driver.Double, driver.Settings{"format": "json"}, 12.5, "", ""},
		{"JSON, null", "json", document, driver.Int, driver.Settings{"jsonKey": "o.x.0"}, nil, "", "is null"},
		{"JSON, nothing there", "json", document, driver.Int, driver.Settings{"jsonKey": "o.z"}, nil, "", `there is no "z"`},
		{"JSON, no such index", "json", document, driver.Int, driver.Settings{"jsonKey": "o.x.2"}, nil, "", `there is no "2"`},
		{"JSON that is none", "json", "{", driver.Int, driver.Settings{"jsonKey": "a"}, nil, "", "payload is no JSON"},
		{"JSON, two documents", "json", "1 2", driver.Int, driver.Settings{"format": "json"}, nil, "", "more than one"},
		{"text of JSON", "json", "1", driver.Int, nil, nil, "", "application/json (content-format 50), which is not format text"},
		{"JSON of XML", "xml", "<a/>", driver.Int, driver.Settings{"jsonKey": "a"}, nil, "", "which is not format json"},
	} {
		path := "/" + url.PathEscape(c.name)
		s.put(t, resource{path, c.format, strings.ReplaceAll(c.payload, `"`, "%22")})
		settings := driver.Settings{"path": path}
		for key, value := range c.settings {
			settings[key] = value
		}
		r := read(t, device, point(t, device, c.typ, settings))
		switch {
		case c.err != "" && (r.Err == nil || !strings.Contains(r.Err.Error(), c.err)):
			t.Errorf("%s: got %v, %v, want the error %q", c.name, r.Value, r.Err, c.err)
		case c.err == "" && (r.Err != nil || !reflect.DeepEqual(r.Value, c.want) || r.Suspect != c.suspect):
			t.Errorf("%s: got %v (%T) %q, %v, want %v (%T) %q", c.name, r.Value, r.Value, r.Suspect, r.Err, c.want, c.want, c.suspect)
		}
	}
}

// TestWrites writes and asks libcoap's client what the device then has.
func TestWrites(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	device := open(t, s.settings())
	for _, c := range []struct {
		typ      driver.Type
		settings driver.Settings
		value    any
		want     string
	}{
		{driver.Int, nil, int64(-7), "-7"},
		{driver.Int, nil, uint64(math.MaxUint64), "18446744073709551615"},
		{driver.Float, nil, float32(0.1), "0.1"},
		{driver.Double, driver.Settings{"format": "json"}, 1e21, "1000000000000000000000"},
		{driver.Boolean, nil, true, "true"},
		{driver.Boolean, driver.Settings{"writeMethod": "post"}, false, "false"},
		{driver.String, nil, "ä b", "ä b"},
		{driver.String, driver.Settings{"format": "json"}, `a"b`, `"a\"b"`},
		{driver.Bytes, nil, []byte("raw"), "raw"},
		{driver.String, nil, strings.Repeat("0123456789", 500), strings.Repeat("0123456789", 500)}, // in blocks
	} {
		settings := driver.Settings{"path": "/written"}
		for key, value := range c.settings {
			settings[key] = value
		}
		p := point(t, device, c.typ, settings)
		if err := device.Write(t.Context(), p, c.value); err != nil {
			t.Errorf("write %.20v: %v", c.value, err)
			continue
		}
		if got := s.get(t, "/written"); got != c.want {
			t.Errorf("write %.20v: coap-client reads %.40q of %d bytes", c.value, got, len(got))
		}
		if r := read(t, device, p); !reflect.DeepEqual(r.Value, c.value) {
			t.Errorf("wrote %.20v, read back %.20v, %v", c.value, r.Value, r.Err)
		}
	}
}

// A refusal is of its point alone, and tells the device's code.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := startServer(t, resource{"/there", "text/plain", "1"})
	device := open(t, s.settings())
	there, absent := point(t, device, driver.Int, driver.Settings{"path": "/there"}), point(t, device, driver.Int, driver.Settings{"path": "/absent/x"})
	readings, err := device.Read(t.Context(), []driver.Point{absent, there})
	if err != nil {
		t.Fatal(err)
	}
	if err := readings[0].Err; err == nil || !strings.Contains(err.Error(), "resource /absent/x: 4.04 NotFound") {
		t.Errorf("got %v, want 4.04", err)
	}
	if readings[1].Value != int64(1) {
		t.Errorf("beside it: got %v, %v", readings[1].Value, readings[1].Err)
	}
	fixed := point(t, device, driver.Int, driver.Settings{"path": "/async"})
	if err := device.Write(t.Context(), fixed, int64(1)); !errors.Is(err, driver.ErrReadOnly) || !strings.Contains(err.Error(), "4.05") {
		t.Errorf("write of a resource without PUT: got %v, want ErrReadOnly of 4.05", err)
	}
	json := point(t, device, driver.Double, driver.Settings{"path": "/there", "format": "json"})
	if err := device.Write(t.Context(), json, math.NaN()); !errors.Is(err, driver.ErrValue) {
		t.Errorf("NaN as JSON: got %v, want ErrValue", err)
	}
}

// A server that loses every other datagram is read and written all the same.
func TestLoss(t *testing.T) {
	t.Parallel()
	s := startServer(t, resource{"/value", "text/plain", "0"})
	s.stop(t)
	s.args, s.seed = []string{"-l", "3,5,6,9"}, nil // of those it sends: the first is the ping's
	s.start(t)
	settings := s.settings()
	settings["timeout"], settings["retries"] = "200ms", 5
	device := open(t, settings)
	p := point(t, device, driver.Int, driver.Settings{"path": "/value"})
	for n := range int64(5) {
		if err := device.Write(t.Context(), p, n); err != nil {
			t.Fatal(err)
		}
		if r := read(t, device, p); r.Value != n {
			t.Errorf("wrote %d, read %v, %v", n, r.Value, r.Err)
		}
	}
}
