package mapper

import (
	"math"
	"reflect"
	"testing"

	"datastub/driver"
)

func TestParseValue(t *testing.T) {
	t.Parallel()
	bounds := driver.Settings{"min": "-0.1", "Max": 0.1}
	tests := []struct {
		typ      driver.Type
		settings driver.Settings
		text     string
		want     any // nil: refused
		refusal  string
	}{
		{driver.Int, nil, "5", int64(5), ""},
		{driver.Int, nil, " -5 ", int64(-5), ""},
		{driver.Int, nil, "0x1F", int64(31), ""},
		{driver.Int, nil, "010", int64(10), ""},
		{driver.Int, nil, "1e3", int64(1000), ""},
		{driver.Int, nil, "18446744073709551615", uint64(math.MaxUint64), ""},
		{driver.Int, nil, "1.5", nil, "desired: 1.5 is not a whole number from -9223372036854775808 to 9223372036854775807"},
		{driver.Int, nil, "on", nil, "desired: on is not a whole number from -9223372036854775808 to 9223372036854775807"},
		{driver.Int, driver.Settings{"min": 0.5, "max": 9.5}, "9", int64(9), ""},
		{driver.Int, driver.Settings{"min": 0.5, "max": 9.5}, "10", nil, "desired: 10 is not a whole number from 1 to 9"},
		{driver.Int, driver.Settings{"max": 9.5}, "18446744073709551615", nil, "desired: 18446744073709551615 is not a whole number from -9223372036854775808 to 9"},
		{driver.Float, nil, "20.5", float32(20.5), ""},
		{driver.Float, bounds, "0.1", float32(0.1), ""},
		{driver.Float, bounds, "0.2", nil, "desired: 0.2 is not a number from -0.1 to 0.1"},
		{driver.Float, nil, "1e39", nil, "desired: 1e39 is not a number of single precision"},
		{driver.Double, nil, "1e39", 1e39, ""},
		{driver.Double, bounds, "-0.2", nil, "desired: -0.2 is not a number from -0.1 to 0.1"},
		{driver.Double, nil, "NaN", nil, "desired: NaN is not a finite number"},
		{driver.Double, nil, "", nil, "desired:  is not a finite number"},
		{driver.Boolean, nil, "True", true, ""},
		{driver.Boolean, nil, "0", false, ""},
		{driver.Boolean, bounds, "1", true, ""},
		{driver.Boolean, nil, "2", nil, "desired: 2 is not true or false"},
		{driver.String, nil, " as it is ", " as it is ", ""},
		{driver.String, nil, "\xff", nil, "desired: \uFFFD is not UTF-8"},
		{driver.String, driver.Settings{"max": 9}, "8.5", "8.5", ""},
		{driver.String, driver.Settings{"max": 9}, "9.5", nil, "desired: 9.5 is not a number, 9 at most"},
		{driver.Bytes, nil, "-_8=", []byte{0xFB, 0xFF}, ""},
		{driver.Bytes, nil, "+/8", []byte{0xFB, 0xFF}, ""},
		{driver.Bytes, nil, "a b", nil, "desired: a b is not base64"},
	}
	for _, test := range tests {
		config := driver.PointConfig{Name: "p", Type: test.typ, Settings: test.settings}
		got, err := parseValue("desired", config, test.text)
		switch {
		case test.want == nil && (err == nil || err.Error() != test.refusal):
			t.Errorf("%s %q: got %v, want the refusal %q", test.typ, test.text, err, test.refusal)
		case test.want != nil && (err != nil || !reflect.DeepEqual(got, test.want)):
			t.Errorf("%s %q: got %v (%T), %v; want %v (%T)", test.typ, test.text, got, got, err, test.want, test.want)
		}
	}
}

func FuzzParseValue(f *testing.F) {
	f.Add("INT", "0x1F", -1.5, 9.5)
	f.Add("FLOAT", "1e39", 0.0, 1e300)
	f.Add("BYTES", "-_8=", 0.0, 0.0)
	f.Fuzz(func(t *testing.T, typ, text string, low, high float64) {
		config := driver.PointConfig{Name: "p", Type: driver.Type(typ), Settings: driver.Settings{"min": low, "max": high}}
		value, err := parseValue("desired", config, text)
		if err != nil {
			return
		}
		switch typ {
		case "INT", "FLOAT", "DOUBLE", "BOOLEAN", "STRING", "BYTES":
			if !config.Type.Holds(value) {
				t.Fatalf("%q became a %T for type %s", text, value, typ)
			}
		}
	})
}

// TestFormatValue: what is read can be written.
func TestFormatValue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		typ   driver.Type
		value any
		want  string
	}{
		{driver.Int, int64(-5), "-5"},
		{driver.Int, uint64(math.MaxUint64), "18446744073709551615"},
		{driver.Float, float32(0.1), "0.1"},
		{driver.Float, float32(1e10), "10000000000"},
		{driver.Double, 1e-7, "0.0000001"},
		{driver.Boolean, true, "true"},
		{driver.String, " a\n", " a\n"},
		{driver.Bytes, []byte{0xfb, 0xff}, "-_8"},
		{driver.Bytes, []byte{}, ""},
	}
	for _, tt := range tests {
		got := FormatValue(tt.value)
		if got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.value, got, tt.want)
		}
		if back, err := parseValue("desired", driver.PointConfig{Type: tt.typ}, got); err != nil || !reflect.DeepEqual(back, tt.value) {
			t.Errorf("%q: parsed as %#v, %v; want %#v", got, back, err, tt.value)
		}
	}
}
