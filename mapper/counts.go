package mapper

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Counts are what the fleet has done since it was made.
type Counts struct {
	Collected uint64 // readings, those with an error included
	Failed    uint64 // of these, those with an error
	Skipped   uint64 // cycles that came while their device was still being read
	Refused   uint64 // messages that the data plane refused
}

type counters struct {
	collected, failed, skipped, refused atomic.Uint64
	reads                               *prometheus.HistogramVec // seconds, by result
}

func (c *counters) counts() Counts {
	return Counts{
		Collected: c.collected.Load(), Failed: c.failed.Load(), Skipped: c.skipped.Load(), Refused: c.refused.Load(),
	}
}
