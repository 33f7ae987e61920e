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
	Dropped   uint64 // readings that devices told by themselves faster than they were taken
	Refused   uint64 // messages that the data plane refused, and values that no message can carry
}

type counters struct {
	tally           *Tally // of the readings without an error
	failed, skipped atomic.Uint64
	dropped         atomic.Uint64
	reads           *prometheus.HistogramVec // seconds, by result
	lateness        prometheus.Histogram     // seconds
	writes          *prometheus.CounterVec   // by result
}

func (c *counters) counts() Counts {
	values, failed := c.tally.total(), c.failed.Load()
	return Counts{
		Collected: values.Read + failed, Failed: failed, Skipped: c.skipped.Load(), Dropped: c.dropped.Load(), Refused: values.Refused,
	}
}
