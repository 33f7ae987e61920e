package modbus

import (
	"fmt"
	"math"
	"strconv"

	"datastub/driver"
)

// A number is an int64, a uint64 or a float64: what registers hold and what
// becomes of it before it has a point's type. Whole numbers stay whole as long
// as nothing scales them, so that all 64 bits of a counter survive.
type number any

// asFloat returns the float64 next to a number.
func asFloat(n number) float64 {
	switch n := n.(type) {
	case int64:
		return float64(n)
	case uint64:
		return float64(n)
	case float64:
		return n
	}
	return math.NaN()
}

// Bounds of the 64-bit types as floats: the first number too large, and the
// smallest that fits.
const (
	endOfUint64 = 1 << 64
	endOfInt64  = 1 << 63
	minOfInt64  = -1 << 63
)

// asWhole rounds a number to the nearest whole one, halves away from zero: an
// int64, or a uint64 above the largest int64.
func asWhole(n number) (number, error) {
	switch n := n.(type) {
	case int64:
		return n, nil
	case uint64:
		if n <= math.MaxInt64 {
			return int64(n), nil
		}
		return n, nil
	}
	f := math.Round(asFloat(n))
	switch {
	case f >= minOfInt64 && f < endOfInt64:
		return int64(f), nil
	case f >= endOfInt64 && f < endOfUint64:
		return uint64(f), nil
	}
	return nil, fmt.Errorf("%v is not a whole number of 64 bits", n)
}

// widen returns the float64 that is written as f is: 0.1, where a conversion
// makes 0.10000000149011612 of it.
func widen(f float32) float64 {
	wide, _ := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64) // which takes what the other makes
	return wide
}

// asFloat32 returns the float32 next to a number.
func asFloat32(n number) (float32, error) {
	f := asFloat(n)
	if f32 := float32(f); !math.IsInf(float64(f32), 0) || math.IsInf(f, 0) {
		return f32, nil
	}
	return 0, fmt.Errorf("%v does not fit the 32 bits of a float", n)
}

// asType turns a number into a value of a type.
func asType(n number, typ driver.Type) (any, error) {
	switch typ {
	case driver.Int:
		return asWhole(n)
	case driver.Float:
		return asFloat32(n)
	case driver.Double:
		return asFloat(n), nil
	case driver.Boolean:
		return asFloat(n) != 0, nil
	}
	if f, ok := n.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64), nil
	}
	return fmt.Sprint(n), nil
}

// ofValue turns a value of a point's type, which is not BYTES, into a number.
func ofValue(value any) (number, error) {
	switch v := value.(type) {
	case float32:
		return widen(v), nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case string:
		return parseNumber(v)
	}
	return value, nil // an int64, uint64 or float64
}

func parseNumber(s string) (number, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is not a number", s)
	}
	return f, nil
}
