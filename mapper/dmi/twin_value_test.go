package dmi

import (
	"encoding/binary"
	"math"
	"regexp"
	"strings"
	"testing"
)

// twinValue and twinName are EdgeCore's own patterns.
var (
	twinValue = regexp.MustCompile("^[a-zA-Z0-9-_.,:/@#]{1,512}$")
	twinName  = regexp.MustCompile("^[a-zA-Z0-9-_.,:/@#]{1,128}$")
)

func TestFormatValue(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		value any
		want  string
		err   string
	}{
		{name: "least int", value: int64(math.MinInt64), want: "-9223372036854775808"},
		{name: "greatest uint", value: uint64(math.MaxUint64), want: "18446744073709551615"},
		{name: "float32, as short as it can be", value: float32(20.1), want: "20.1"},
		{name: "greatest float32", value: float32(math.MaxFloat32), want: "340282350000000000000000000000000000000"},
		{name: "double without an exponent", value: 1e21, want: "1000000000000000000000"},
		{name: "long double", value: 1e300, want: "1" + strings.Repeat("0", 300)},
		{name: "small double", value: -1e-7, want: "-0.0000001"},
		{name: "whole double", value: 20.0, want: "20"},
		{name: "negative zero", value: math.Copysign(0, -1), want: "-0"},
		{name: "least double", value: math.SmallestNonzeroFloat64, want: "0." + strings.Repeat("0", 323) + "5"},
		{name: "NaN", value: math.NaN(), err: "value is not a finite number"},
		{name: "Inf", value: float32(math.Inf(-1)), err: "value is not a finite number"},
		{name: "true", value: true, want: "true"},
		{name: "false", value: false, want: "false"},
		{name: "text", value: "open:a-b_c.d,e/f@g#h", want: "open:a-b_c.d,e/f@g#h"},
		{name: "no text", value: "", want: ""},
		{name: "text with a space", value: "not open", want: "bm90IG9wZW4"},
		{name: "text with a plus", value: "1e+06", want: "MWUrMDY"},
		{name: "JSON", value: `{"a":1}`, want: "eyJhIjoxfQ"},
		{name: "text of 512", value: strings.Repeat("x", 512), want: strings.Repeat("x", 512)},
		{name: "text of 513", value: strings.Repeat("x", 513), err: "value of 513 bytes has 684 characters in base64: want at most 512"},
		{name: "text of 384 with spaces", value: strings.Repeat(" ", 384), want: strings.Repeat("ICAg", 128)},
		{name: "text of 385 with spaces", value: strings.Repeat(" ", 385), err: "value of 385 bytes has 514 characters in base64: want at most 512"},
		{name: "bytes that look like text", value: []byte("hi"), want: "aGk"},
		{name: "bytes", value: []byte{0xfb, 0xff}, want: "-_8"},
		{name: "no bytes", value: []byte{}, want: ""},
		{name: "another type", value: int32(1), err: "value of Go type int32: want one of a driver.Type"},
	} {
		got, err := formatValue(test.value)
		if test.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), test.err) {
				t.Errorf("%s: got %q, %v, want the error %q", test.name, got, err, test.err)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.name, got, err, test.want)
		}
	}
}

func TestCheckTwinName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "Temp-1_2.3,4:5/6@7#8", strings.Repeat("x", 128), "", "a b", "größe", strings.Repeat("x", 129)} {
		if err := checkTwinName(name); (err == nil) != twinName.MatchString(name) {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

// EdgeCore takes whatever formatValue returns.
func FuzzFormatValue(f *testing.F) {
	for kind := range byte(7) {
		f.Add(kind, []byte("1e+06 "))
		f.Add(kind, []byte{0, 0, 0, 0, 0, 0, 0, 1})
	}
	f.Add(byte(5), []byte(strings.Repeat("x", 512)))
	f.Add(byte(6), []byte(strings.Repeat("x", 385)))
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		number := binary.BigEndian.Uint64(append(make([]byte, 8), data...)[len(data):])
		values := []any{
			int64(number), number, math.Float32frombits(uint32(number)), math.Float64frombits(number),
			number%2 == 0, string(data), data,
		}
		text, err := formatValue(values[int(kind)%len(values)])
		if err == nil && text != "" && !twinValue.MatchString(text) {
			t.Fatalf("%#v becomes %q", values[int(kind)%len(values)], text)
		}
	})
}

func BenchmarkFormatValue(b *testing.B) {
	for b.Loop() {
		_, _ = formatValue(20.123456789)
	}
}
