package window

import (
	"math"
	"math/big"
	"math/bits"

	"datastub/dataplane"
)

// A sum adds whole numbers exactly, in 128 bits, and floats with what rounding
// has cost (Neumaier). The zero sum is that of nothing.
type sum struct {
	high, low   uint64  // of the whole numbers, two's complement
	float, lost float64 // of the floats: the sum, and what is to be added to it in the end
}

// add adds a value: a boolean is 0 or 1, a text is nothing.
func (s *sum) add(v dataplane.Value) {
	if n, ok := v.Int64(); ok {
		s.addInt(uint64(n>>63), uint64(n))
	} else if n, ok := v.Uint64(); ok {
		s.addInt(0, n)
	} else if b, ok := v.Bool(); ok && b {
		s.addInt(0, 1)
	} else if f, ok := v.Number(); ok {
		s.addFloat(f)
	}
}

func (s *sum) addInt(high, low uint64) {
	var carry uint64
	s.low, carry = bits.Add64(s.low, low, 0)
	s.high, _ = bits.Add64(s.high, high, carry)
}

func (s *sum) addFloat(f float64) {
	total := s.float + f
	if math.Abs(s.float) >= math.Abs(f) {
		s.lost += (s.float - total) + f
	} else {
		s.lost += (f - total) + s.float
	}
	s.float = total
}

// merge adds another sum.
func (s *sum) merge(o *sum) {
	s.addInt(o.high, o.low)
	s.addFloat(o.float)
	s.addFloat(o.lost)
}

// whole returns the sum of the whole numbers.
func (s *sum) whole() *big.Int {
	n := new(big.Int).SetInt64(int64(s.high))
	return n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(s.low))
}

// value returns the sum of values of a type: an int where it is one, else a
// double.
func (s *sum) value(typ dataplane.Type) dataplane.Value {
	if typ == dataplane.Float || typ == dataplane.Double {
		return dataplane.DoubleValue(s.float + s.lost)
	}
	n := s.whole()
	switch {
	case n.IsInt64():
		return dataplane.IntValue(n.Int64())
	case n.IsUint64():
		return dataplane.UintValue(n.Uint64())
	}
	f, _ := new(big.Float).SetInt(n).Float64()
	return dataplane.DoubleValue(f)
}

// average returns the average of so many values of a type.
func (s *sum) average(typ dataplane.Type, count uint64) dataplane.Value {
	if typ == dataplane.Float || typ == dataplane.Double {
		return dataplane.DoubleValue((s.float + s.lost) / float64(count))
	}
	f, _ := new(big.Rat).SetFrac(s.whole(), new(big.Int).SetUint64(count)).Float64()
	return dataplane.DoubleValue(f)
}
