package dmi

import (
	"time"

	"datastub/mapper"
)

// A lane is why a device waits to be reported. Requests are scarce, so that
// what is told first is all that EdgeCore sees in time:
//
//	urgent  a state has changed                          the longest first
//	fresh   a property was never told                    a new device first
//	late    a value has changed, or is stale             the least recently told first
//	calm    a state was never told, and is a good one,
//	        or is to be told again                       the same
//	spare   a value is to be told again                  the same
//
// An earlier lane goes first, but nothing starves: after three urgent ones one
// goes that is fresh or late, and after three fresh ones one that is late, if it
// has waited for 90 s. Late and calm ones take turns for as long as that
// makes no value stale, and a calm one has every 50th turn at least.
type lane int

const (
	none lane = iota
	urgent
	fresh
	late
	calm
	spare
	lanes
)

const (
	maxOvertaking = 3                // turns in which a lane overtakes a later one
	patience      = 90 * time.Second // of those that are overtaken
	calmTurn      = 50               // one of so many turns is a calm one's
)

// stateLane returns why the device's state waits, and since when.
func (s *shadow) stateLane(now time.Time) (lane, time.Time) {
	cycle := s.report.Cycle
	if cycle == 0 {
		cycle = stateCycle
	}
	wanted := s.wanted(now)
	good := wanted == unknown || wanted == string(mapper.Online)
	switch {
	case wanted == "":
		return none, time.Time{}
	case s.told == "" && good:
		return calm, s.stateAsked
	case wanted != s.told:
		return urgent, s.since
	case now.Sub(s.stateAsked) >= cycle:
		return calm, s.stateAsked
	}
	return none, time.Time{}
}

// twinsLane returns why the device's twins wait, and since when.
func (s *shadow) twinsLane(now time.Time) (lane, time.Time) {
	why := none
	for i := range s.properties {
		p := &s.properties[i]
		switch {
		case !p.known:
		case p.reported.IsZero():
			return fresh, s.asked
		case p.changed, p.age(now) >= staleAfter:
			why = late
		case why == none && p.repeats(now):
			why = spare
		}
	}
	return why, s.asked
}

// A head is who waits longest in a lane.
type head struct {
	shadow *shadow
	since  time.Time
}

// heads has the head of each lane.
type heads [lanes]head

func (h *heads) offer(s *shadow, l lane, since time.Time) {
	if l != none && (h[l].shadow == nil || since.Before(h[l].since)) {
		h[l] = head{s, since}
	}
}

func (h *heads) waits(l lane) bool { return h[l].shadow != nil }

// waited tells whether somebody in a lane has waited for so long.
func (h *heads) waited(l lane, atLeast time.Duration, now time.Time) bool {
	return h.waits(l) && now.Sub(h[l].since) >= atLeast
}

// A turn is one request: whose, and why.
type turn struct {
	*shadow
	lane lane
	kind kind
}

// A course knows whose turns there were. The zero one knows of none.
type course struct {
	urgents  int  // turns in a row that were urgent
	freshes  int  // turns of fresh ones since a late one
	calmless int  // turns since a calm one
	calm     bool // the last one was calm
}

// next returns whose turn it is. It is not ok if nobody waits.
func (c *course) next(h *heads, now time.Time) (next turn, ok bool) {
	choose := func(l lane, k kind) (turn, bool) { return turn{h[l].shadow, l, k}, true }
	values := c.values(h, now)
	switch {
	case c.urgents >= maxOvertaking && h.waited(values, patience, now):
		return choose(values, forState)
	case c.calmless >= calmTurn && h.waits(calm):
		return choose(calm, forState)
	case h.waits(urgent):
		return choose(urgent, forState)
	case h.waits(calm) && (values == none || values == late && !c.calm && !h.waited(late, staleAfter, now)):
		return choose(calm, forTwins)
	case values != none:
		return choose(values, forTwins)
	case h.waits(spare):
		return choose(spare, forRefresh)
	}
	return turn{}, false
}

// values returns whether fresh or late ones are next.
func (c *course) values(h *heads, now time.Time) lane {
	switch {
	case c.freshes >= maxOvertaking && h.waited(late, patience, now):
		return late
	case h.waits(fresh):
		return fresh
	case h.waits(late):
		return late
	}
	return none
}

// note says that one of a lane has had its turn.
func (c *course) note(l lane) {
	c.urgents++
	c.calmless++
	c.calm = l == calm
	switch l {
	case urgent:
		return
	case fresh:
		c.freshes++
	case late:
		c.freshes = 0
	case calm:
		c.calmless = 0
	}
	c.urgents = 0
}
