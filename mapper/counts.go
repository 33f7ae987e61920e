package mapper

import "sync/atomic"

// Counts are what the fleet has done since it was made.
type Counts struct {
	Collected uint64 // readings, those with an error included
	Skipped   uint64 // cycles that came while their device was still being read
	Refused   uint64 // messages that the data plane refused
}

type counters struct{ collected, skipped, refused atomic.Uint64 }

func (c *counters) counts() Counts {
	return Counts{Collected: c.collected.Load(), Skipped: c.skipped.Load(), Refused: c.refused.Load()}
}
