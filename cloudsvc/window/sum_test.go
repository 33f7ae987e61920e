package window

import (
	"math"
	"testing"

	"datastub/dataplane"
)

func TestSum(t *testing.T) {
	t.Parallel()
	i, u, d, b := dataplane.IntValue, dataplane.UintValue, dataplane.DoubleValue, dataplane.BooleanValue
	for _, tt := range []struct {
		name     string
		values   []dataplane.Value
		sum, avg string
	}{
		{"exact beyond the doubles", []dataplane.Value{i(math.MaxInt64), i(-1)}, "9223372036854775806", "4611686018427388000.0"},
		{"back into range", []dataplane.Value{u(math.MaxUint64), u(math.MaxUint64), i(math.MinInt64), i(math.MinInt64)}, "18446744073709551614", "4611686018427388000.0"},
		{"beyond any int", []dataplane.Value{u(math.MaxUint64), u(math.MaxUint64)}, "36893488147419103000.0", "18446744073709552000.0"},
		{"negative", []dataplane.Value{i(math.MinInt64), i(math.MinInt64)}, "-18446744073709552000.0", "-9223372036854776000.0"},
		{"compensated", []dataplane.Value{d(1), d(1e100), d(1), d(-1e100)}, "2.0", "0.5"},
		{"beyond the doubles", []dataplane.Value{d(math.MaxFloat64), d(math.MaxFloat64)}, "null", "null"},
		{"booleans", []dataplane.Value{b(true), b(false), b(true), b(true)}, "3", "0.75"},
	} {
		typ := tt.values[0].Type()
		for split := range len(tt.values) {
			var s, rest sum
			for n, v := range tt.values {
				if n < split {
					s.add(v)
				} else {
					rest.add(v)
				}
			}
			s.merge(&rest)
			if sum, avg := s.value(typ).AppendJSON(nil), s.average(typ, uint64(len(tt.values))).AppendJSON(nil); string(sum) != tt.sum || string(avg) != tt.avg {
				t.Errorf("%s, merged at %d: %s, %s on average: want %s, %s", tt.name, split, sum, avg, tt.sum, tt.avg)
			}
		}
	}
}
