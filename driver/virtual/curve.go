package virtual

import (
	"math"
	"time"
)

// A curve gives the number after a time. It is a pure function, but for what
// a random walk keeps so that it need not start over.
type curve func(elapsed time.Duration) float64

// phase tells how much of a period is over, from 0 to just below 1. A clock
// that went back behind the start is at the start.
func phase(elapsed, period time.Duration) float64 {
	return float64(max(elapsed, 0)%period) / float64(period)
}

// steps tells how many whole periods are over.
func steps(elapsed, period time.Duration) uint64 {
	return uint64(max(elapsed, 0) / period)
}

func sineCurve(low, high float64, period time.Duration) curve {
	return func(elapsed time.Duration) float64 {
		unit := (1 + math.Sin(2*math.Pi*phase(elapsed, period))) / 2
		return low + float64((high-low)*unit)
	}
}

func rampCurve(low, high float64, period time.Duration) curve {
	return func(elapsed time.Duration) float64 {
		return low + float64((high-low)*phase(elapsed, period))
	}
}

func squareCurve(low, high float64, period time.Duration) curve {
	return func(elapsed time.Duration) float64 {
		if phase(elapsed, period) < 0.5 {
			return low
		}
		return high
	}
}

func counterCurve(low, high, step float64, period time.Duration) curve {
	round := uint64((high-low)/step) + 1 // how many values it has
	return func(elapsed time.Duration) float64 {
		return low + float64(float64(steps(elapsed, period)%round)*step)
	}
}

// reflect turns a number beyond an end back by as much. It is beyond by no more
// than the ends are apart, so that one turn is enough but for rounding.
func reflect(f, low, high float64) float64 {
	switch {
	case f < low:
		f = low + (low - f)
	case f > high:
		f = high - (f - high)
	}
	return min(max(f, low), high)
}
