package modbus

import (
	"math"
	"math/big"
	"strconv"
)

// maxWhole is the last of the whole numbers that floats have all of.
const maxWhole = 1 << 53

// A scale turns a register's number n into the value n*factor + offset, as on
// paper: 235 by 0.1 is 23.5, where floats make 23.500000000000004 of it. Nil
// leaves numbers as they are, as most points do.
type scale struct {
	factor, offset *big.Rat // of the decimals that people wrote

	// The same in whole numbers, for what is read all the time: the value is
	// (n*times + plus) / over, which is rounded once while n is at most whole.
	times, plus, over float64
	whole             float64
}

// newScale returns the scale of a factor, which is not 0, and an offset.
func newScale(factor, offset float64) *scale {
	if factor == 1 && offset == 0 {
		return nil
	}
	s := &scale{factor: decimal(factor), offset: decimal(offset)}
	denominators := new(big.Rat).SetFrac(s.factor.Denom(), s.offset.Denom()) // without what they share
	over := new(big.Rat).SetInt(new(big.Int).Mul(s.factor.Denom(), denominators.Denom()))
	s.over, _ = over.Float64()
	s.times, _ = new(big.Rat).Mul(s.factor, over).Float64()
	s.plus, _ = new(big.Rat).Mul(s.offset, over).Float64()
	if s.over <= maxWhole && math.Abs(s.times) <= maxWhole {
		s.whole = (maxWhole - math.Abs(s.plus)) / math.Abs(s.times)
	}
	return s
}

// apply turns a register's number into a value.
func (s *scale) apply(n number) number {
	if s == nil {
		return n
	}
	f := asFloat(n)
	if math.Abs(f) <= s.whole {
		return (f*s.times + s.plus) / s.over
	}
	r := rational(n)
	if r == nil { // not finite: the factor tells the sign
		factor, _ := s.factor.Float64()
		return f * factor
	}
	r.Mul(r, s.factor)
	return ofRational(r.Add(r, s.offset))
}

// undo turns a finite value into a register's number.
func (s *scale) undo(n number) number {
	if s == nil {
		return n
	}
	r := rational(n)
	r.Sub(r, s.offset)
	return ofRational(r.Quo(r, s.factor))
}

// rational returns a number as it is written, or nil if it is not finite.
func rational(n number) *big.Rat {
	switch n := n.(type) {
	case int64:
		return new(big.Rat).SetInt64(n)
	case uint64:
		return new(big.Rat).SetUint64(n)
	}
	return decimal(asFloat(n))
}

// decimal returns the shortest decimal next to f, which is what somebody
// wrote; nil if f is not finite.
func decimal(f float64) *big.Rat {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64)) // which it takes of any finite float
	return r
}

// ofRational returns a whole number of 64 bits as it is, else the next float.
func ofRational(r *big.Rat) number {
	switch {
	case r.IsInt() && r.Num().IsInt64():
		return r.Num().Int64()
	case r.IsInt() && r.Num().IsUint64():
		return r.Num().Uint64()
	}
	f, _ := r.Float64()
	return f
}
