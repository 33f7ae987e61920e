package cloudsvc

import (
	"maps"
	"sync"

	"datastub/cloudsvc/ledger"
)

// maxCounted is how many publishers' lanes are counted apart: as many as a
// Registry lists nodes of, unless told otherwise, with both classes. What is
// beyond is summed.
const maxCounted = 20_000

// counts are what came of messages, by publisher and class. Its zero value is
// ready to use.
type counts struct {
	mu     sync.Mutex
	lanes  map[laneKey]*ledger.Counts
	others ledger.Counts
}

// add adds to a lane's counts.
func (c *counts) add(key laneKey, n ledger.Counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.lanes[key]
	switch {
	case of != nil:
	case len(c.lanes) >= maxCounted:
		of = &c.others
	default:
		if c.lanes == nil {
			c.lanes = make(map[laneKey]*ledger.Counts)
		}
		of = new(ledger.Counts)
		c.lanes[key] = of
	}
	of.Add(n)
}

// snapshot returns the counts as they are now.
func (c *counts) snapshot() (lanes map[laneKey]ledger.Counts, others ledger.Counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lanes = make(map[laneKey]ledger.Counts, len(c.lanes))
	for key, n := range maps.All(c.lanes) {
		lanes[key] = *n
	}
	return lanes, c.others
}
