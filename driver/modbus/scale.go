package modbus

import "math"

// scale is the factor from a register's number to a value. It is not 0.
type scale float64

// divisor returns n if the scale is 1/n with a whole n: dividing by 10 rounds
// once, where multiplying by 0.1 makes 0.30000000000000004 of 3.
func (s scale) divisor() (float64, bool) {
	n := 1 / float64(s)
	return n, math.Abs(n) > 1 && n == math.Trunc(n) && !math.IsInf(n, 0)
}

// apply turns a register's number into a value.
func (s scale) apply(n number) number {
	if s == 1 {
		return n
	}
	if d, ok := s.divisor(); ok {
		return asFloat(n) / d
	}
	return asFloat(n) * float64(s)
}

// undo turns a value into a register's number.
func (s scale) undo(n number) number {
	if s == 1 {
		return n
	}
	if d, ok := s.divisor(); ok {
		return asFloat(n) * d
	}
	return asFloat(n) / float64(s)
}
