package virtual

import (
	"math/rand/v2"
	"time"
)

// walk is a random walk. Where it is after n steps depends on its fields and
// n alone; it remembers the last place, so that going on costs the new steps
// only, some nanoseconds each. Going back starts over.
//
// Products are converted so that no machine fuses them with a sum: the same
// seed walks the same way everywhere.
type walk struct {
	low, high, step float64
	seed            uint64

	random *rand.Rand
	taken  uint64
	value  float64
}

func newWalk(low, high, step float64, seed uint64) *walk {
	w := &walk{low: low, high: high, step: step, seed: seed}
	w.restart()
	return w
}

func (w *walk) restart() {
	w.random = rand.New(rand.NewPCG(w.seed, 0))
	w.taken = 0
	w.value = w.low + float64((w.high-w.low)/2)
}

// at returns the place after n steps.
func (w *walk) at(n uint64) float64 {
	if n < w.taken {
		w.restart()
	}
	for ; w.taken < n; w.taken++ {
		w.value = reflect(w.value+float64(w.step*(2*w.random.Float64()-1)), w.low, w.high)
	}
	return w.value
}

func (w *walk) curve(period time.Duration) curve {
	return func(elapsed time.Duration) float64 { return w.at(steps(elapsed, period)) }
}
