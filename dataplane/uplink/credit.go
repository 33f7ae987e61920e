package uplink

import "datastub/dataplane"

// Credit bounds, in bytes.
const (
	// minCredit is what RT gets at least a session, and what BT gets in one
	// piece if its budget allows.
	minCredit = 64 << 10
	maxCredit = 1 << 20
)

// credits shares a class's budget, in bytes, among its sessions.
type credits struct {
	budget   uint64
	least    uint64 // that a session gets whatever is pending
	pending  uint64 // frames accepted and not stored
	weight   uint64 // what those take in memory
	limit    uint64 // of weight, which one frame may pass; 0: none
	sessions int
	starved  map[*session]struct{} // those that were granted nothing
}

func newCredits(budget, limit uint64) [3]credits {
	var all [3]credits // by Class
	for _, c := range dataplane.Classes {
		all[c] = credits{budget: budget, limit: limit, starved: make(map[*session]struct{})}
	}
	all[dataplane.RT].least = minCredit
	return all
}

// take counts what was accepted, and release what was stored of it.
func (c *credits) take(a *Accepted) {
	c.pending += uint64(len(a.Frame))
	c.weight += a.Weight
}

func (c *credits) release(a *Accepted) {
	c.pending -= uint64(len(a.Frame))
	c.weight -= a.Weight
}

// full tells whether there is no room for anything more.
func (c *credits) full() bool { return c.limit > 0 && c.weight >= c.limit }

// share returns what a session may have un-acked now. It is nothing, for all
// sessions alike, when little is left: else those that were granted a little
// could keep the log so busy that the others never get any. Nothing pending
// is always enough for something, so whoever is starved is fed in the end.
func (c *credits) share() uint64 {
	if c.full() {
		return 0
	}
	left := c.budget - min(c.pending, c.budget)
	share := min(left/uint64(max(c.sessions, 1)), maxCredit)
	if c.pending == 0 {
		share = max(share, 1) // which is one frame
	}
	if share < c.enough() {
		share = 0
	}
	return max(share, c.least)
}

// enough returns the least share that is worth a grant: half of what a session
// gets when nothing is pending.
func (c *credits) enough() uint64 {
	fair := c.budget / uint64(max(c.sessions, 1))
	return max(min(fair, minCredit)/2, 1)
}

// grant returns a session's credit.
func (c *credits) grant(s *session) uint64 {
	share := c.share()
	if share == 0 {
		c.starved[s] = struct{}{}
	} else {
		delete(c.starved, s)
	}
	return share
}

// hungry returns the starved sessions if they can be fed now.
func (c *credits) hungry() map[*session]struct{} {
	if len(c.starved) == 0 || c.share() == 0 {
		return nil
	}
	return c.starved
}

func (c *credits) leave(s *session) {
	c.sessions--
	delete(c.starved, s)
}
