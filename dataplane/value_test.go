package dataplane

import (
	"math"
	"testing"
)

func TestValueJSON(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value Value
		typ   Type
		want  string
	}{
		{IntValue(0), Int, "0"},
		{IntValue(math.MinInt64), Int, "-9223372036854775808"},
		{UintValue(7), Int, "7"},
		{UintValue(math.MaxUint64), Int, "18446744073709551615"},
		{FloatValue(21.3), Float, "21.3"},
		{FloatValue(math.MaxFloat32), Float, "3.4028235e+38"},
		{FloatValue(1e8), Float, "100000000.0"},
		{DoubleValue(21.3), Double, "21.3"},
		{FloatValue(20), Float, "20.0"},
		{DoubleValue(float64(float32(21.3))), Double, "21.299999237060547"},
		{DoubleValue(1e-7), Double, "1e-07"},
		{DoubleValue(math.Copysign(0, -1)), Double, "-0.0"},
		{DoubleValue(math.NaN()), Double, "null"},
		{FloatValue(float32(math.Inf(1))), Float, "null"},
		{DoubleValue(math.Inf(-1)), Double, "null"},
		{BooleanValue(true), Boolean, "true"},
		{BooleanValue(false), Boolean, "false"},
		{StringValue(""), String, `""`},
		{StringValue("a\"\\\n\t\x01é🌡\xff"), String, `"a\"\\\n\t\u0001é🌡\ufffd"`},
		{BytesValue(nil), Bytes, `""`},
		{BytesValue([]byte{0, 0xff, 1}), Bytes, `"AP8B"`},
		{Value{}, 0, "null"},
	} {
		if got := string(tt.value.AppendJSON(nil)); got != tt.want || tt.value.Type() != tt.typ {
			t.Errorf("%#v is %v %s, want %v %s", tt.value, tt.value.Type(), got, tt.typ, tt.want)
		}
	}
}

func TestValueString(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]Value{
		"21.3": FloatValue(21.3), "NaN": DoubleValue(math.NaN()), "-Inf": DoubleValue(math.Inf(-1)),
		"as \"is\"": StringValue("as \"is\""), "AP8B": BytesValue([]byte{0, 0xff, 1}), "true": BooleanValue(true),
	} {
		if got := v.String(); got != want {
			t.Errorf("%#v is %q, want %q", v, got, want)
		}
	}
}

func TestValueOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		from any
		want Value
	}{
		{int64(-1), IntValue(-1)},
		{uint64(1), IntValue(1)},
		{uint64(math.MaxUint64), UintValue(math.MaxUint64)},
		{float32(0.1), FloatValue(0.1)},
		{0.1, DoubleValue(0.1)},
		{true, BooleanValue(true)},
		{"x", StringValue("x")},
		{[]byte("x"), BytesValue([]byte("x"))},
	} {
		if got, err := ValueOf(tt.from); err != nil || got != tt.want {
			t.Errorf("ValueOf(%T %v) = %#v, %v", tt.from, tt.from, got, err)
		}
	}
	_, err := ValueOf(1)
	if want := "value of Go type int: want int64, uint64, float32, float64, bool, string or []byte"; errText(err) != want {
		t.Errorf("ValueOf(int): %v, want %q", err, want)
	}
}

func TestValueAccessors(t *testing.T) {
	t.Parallel()
	large := UintValue(math.MaxInt64 + 1)
	if n, ok := large.Int64(); ok {
		t.Errorf("2^63 as int64 is %d", n)
	}
	if n, ok := large.Uint64(); !ok || n != math.MaxInt64+1 {
		t.Errorf("2^63 as uint64 is %d, %v", n, ok)
	}
	if f, ok := large.Number(); !ok || f != 1<<63 {
		t.Errorf("2^63 as a number is %v, %v", f, ok)
	}
	if n, ok := IntValue(-1).Uint64(); ok {
		t.Errorf("-1 as uint64 is %d", n)
	}
	if f, ok := IntValue(-1).Number(); !ok || f != -1 {
		t.Errorf("-1 as a number is %v, %v", f, ok)
	}
	if f, ok := FloatValue(0.5).Number(); !ok || f != 0.5 {
		t.Errorf("0.5 as a number is %v, %v", f, ok)
	}
	if _, ok := StringValue("1").Number(); ok {
		t.Error("a string is a number")
	}
	if b, ok := BooleanValue(true).Bool(); !ok || !b {
		t.Error("true is not true")
	}
	if s, ok := BytesValue([]byte("x")).Text(); !ok || s != "x" {
		t.Errorf("x is %q, %v", s, ok)
	}
	if _, ok := IntValue(1).Text(); ok {
		t.Error("an int is a text")
	}
}

func TestParseType(t *testing.T) {
	t.Parallel()
	for typ := Int; typ <= Bytes; typ++ {
		if got, err := ParseType(typ.String()); err != nil || got != typ {
			t.Errorf("%v reads as %v, %v", typ, got, err)
		}
	}
	for _, name := range []string{"", "Int", "Type(0)"} {
		want := `type "` + name + `" is not one of int, float, double, boolean, string, bytes`
		if _, err := ParseType(name); errText(err) != want {
			t.Errorf("%q: %v", name, err)
		}
	}
}
