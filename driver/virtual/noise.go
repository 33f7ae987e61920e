package virtual

import (
	"math/rand/v2"
	"time"
)

// noisy adds to a curve at each moment another number, which is at most amount
// up or down and turned back at the ends. It depends on seed and moment alone:
// who else looks, and when, changes nothing.
func noisy(c curve, low, high, amount float64, seed uint64) curve {
	if amount == 0 {
		return c
	}
	return func(elapsed time.Duration) float64 {
		unit := 2*uniform(seed, uint64(elapsed)) - 1
		return reflect(c(elapsed)+float64(amount*unit), low, high)
	}
}

// uniform returns a number from 0 to just below 1 that two others make.
func uniform(a, b uint64) float64 {
	const bits = 53 // of a float64's fraction
	return float64(rand.NewPCG(a, b).Uint64()>>(64-bits)) / (1 << bits)
}
