package modbus

import (
	"fmt"
	"math"
)

// limits are the values that a point may have, its ends included.
type limits struct {
	low, high float64 // -Inf and +Inf where there is no end
}

// check tells in words why a number is not to be trusted, or "".
func (l limits) check(n number) string {
	reason, f := strange(n), asFloat(n)
	switch {
	case reason != "":
		return reason
	case f < l.low:
		return fmt.Sprintf("below min %v", l.low)
	case f > l.high:
		return fmt.Sprintf("above max %v", l.high)
	}
	return ""
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
