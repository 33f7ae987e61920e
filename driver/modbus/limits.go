package modbus

import (
	"fmt"
	"math"
)

// limits are the values that a point may have, its ends included.
type limits struct {
	low, high float64 // -Inf and +Inf where there is no end
}

// check tells in words why a number is not to be trusted, or "". The number and
// the ends are compared as floats of so many bits, 32 or 64: the float32 next
// to 0.1 is above the float64 next to it, and not above 0.1.
func (l limits) check(n number, bits int) string {
	reason, f := strange(n), rounded(asFloat(n), bits)
	switch {
	case reason != "":
		return reason
	case f < rounded(l.low, bits):
		return fmt.Sprintf("below min %v", l.low)
	case f > rounded(l.high, bits):
		return fmt.Sprintf("above max %v", l.high)
	}
	return ""
}

// rounded returns the float of so many bits, 32 or 64, next to f.
func rounded(f float64, bits int) float64 {
	if bits == 32 {
		return float64(float32(f))
	}
	return f
}

// strange tells in words why a number is none that people count with, or "".
func strange(n number) string {
	f := asFloat(n)
	switch {
	case math.IsNaN(f):
		return "not a number"
	case math.IsInf(f, 0):
		return "infinite"
	}
	return ""
}
