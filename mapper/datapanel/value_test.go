package datapanel

import (
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/kubeedge/mapper-framework/pkg/common"

	"datastub/driver"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		typ  driver.Type
		text string
		want any // nil: err
		err  error
	}{
		{driver.Int, "-7", int64(-7), nil},
		{driver.Int, "18446744073709551615", uint64(math.MaxUint64), nil},
		{driver.Int, "010", int64(10), nil},
		{driver.Int, "18446744073709551616", nil, errInt},
		{driver.Int, "7.0", nil, errInt},
		{driver.Int, "0x10", nil, errInt},
		{driver.Int, " 7", nil, errInt},
		{driver.Int, "true", nil, errInt},
		{driver.Int, "", nil, errInt},
		{driver.Float, "21.5", float32(21.5), nil},
		{driver.Float, "21", float32(21), nil},
		{driver.Float, "+Inf", float32(math.Inf(1)), nil},
		{driver.Float, "1e39", nil, errFloat},
		{driver.Float, "21,5", nil, errFloat},
		{driver.Double, "1e39", 1e39, nil},
		{driver.Double, "1e309", nil, errDouble},
		{driver.Double, "warm", nil, errDouble},
		{driver.Boolean, "true", true, nil},
		{driver.Boolean, "0", false, nil},
		{driver.Boolean, "2", nil, errBoolean},
		{driver.Boolean, "on", nil, errBoolean},
		{driver.String, "", "", nil},
		{driver.String, "21.5", "21.5", nil},
		{driver.String, "\xff", nil, errString},
		{driver.Bytes, "\xff\x00", []byte{0xff, 0}, nil},
	}
	for _, test := range tests {
		got, err := parse(test.typ, test.text)
		if !errors.Is(err, test.err) || err == nil && !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s %q: got %T %v, %v, want %T %v, %v", test.typ, test.text, got, got, err, test.want, test.want, test.err)
		}
	}
}

// What the framework's ConvertToString makes of a driver's value reads back
// as that value.
func TestParseWhatTheFrameworkWrites(t *testing.T) {
	t.Parallel()
	tests := []struct {
		typ  driver.Type
		from any
		want any
	}{
		{driver.Int, int64(math.MinInt64), int64(math.MinInt64)},
		{driver.Int, uint64(math.MaxUint64), uint64(math.MaxUint64)},
		{driver.Int, uint16(65535), int64(65535)},
		{driver.Int, 21.0, int64(21)},
		{driver.Float, float32(0.1), float32(0.1)},
		{driver.Double, 0.1, 0.1},
		{driver.Double, math.SmallestNonzeroFloat64, math.SmallestNonzeroFloat64},
		{driver.Boolean, true, true},
		{driver.Boolean, uint16(1), true},
		{driver.String, "grün", "grün"},
		{driver.Bytes, []byte{0, 0xff}, []byte{0, 0xff}},
	}
	for _, test := range tests {
		text, err := common.ConvertToString(test.from)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parse(test.typ, text); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%T %v as %s: got %T %v, %v", test.from, test.from, test.typ, got, got, err)
		}
	}
}
