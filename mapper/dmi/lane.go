package dmi

import (
	"time"

	"datastub/mapper"
)

// A lane is why a device waits to be reported. Requests are scarce, so that
// what is told first is all that EdgeCore sees in time:
//
//	urgent  a state has changed, or is bad from the start  the longest first
//	first   a state was never told, and the twins were     a new device first
//	fresh   a property was never told                      the same
//	late    a value has changed, or is stale               the least recently told first
//	calm    a state is to be told again                    the same
//	spare   a value is to be told again                    the same
//
// An earlier lane goes first, so that a new device's state follows its twins.
// But nothing starves: after three urgent ones one goes that is of the next
// three lanes, and after three of what was never told one that is late, if it has
// waited for 3 min: 100 devices have had their first turns by then. Late and
// calm ones take turns for as long as that makes no value stale, and a calm one
// has every 50th turn at least.
//
// Those who have waited equally long, as all do when the mapper starts, go in
// an order that differs from start to start: what EdgeCore was told before is not
// known then, and a mapper that keeps crashing tells of other devices each time.
type lane int

const (
	none lane = iota
	urgent
	first
	fresh
	late
	calm
	spare
	lanes
)

const (
	maxOvertaking = 3               // turns in which a lane overtakes a later one
	patience      = 3 * time.Minute // of those that are overtaken
	calmTurn      = 50              // one of so many turns is a calm one's
)

// ofState tells whether a turn in the lane is for the state, not for twins.
func (l lane) ofState() bool { return l == urgent || l == first || l == calm }

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
	case s.told == "" && good && s.awaitsTwins(now):
		return none, time.Time{}
	case s.told == "" && good:
		return first, s.stateAsked
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

// precedes tells whether somebody in a lane has waited longer than all in another.
func (h *heads) precedes(l, other lane) bool {
	return h.waits(l) && (!h.waits(other) || h[l].since.Before(h[other].since))
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
	freshes  int  // turns of what was never told since a late one
	calmless int  // turns since a calm one
	calm     bool // the last one was calm
}

// next returns whose turn it is. It is not ok if nobody waits.
func (c *course) next(h *heads, now time.Time) (next turn, ok bool) {
	choose := func(l lane, k kind) (turn, bool) { return turn{h[l].shadow, l, k}, true }
	news := c.news(h, now)
	switch {
	case c.urgents >= maxOvertaking && h.waited(news, patience, now):
		return choose(news, forState)
	case c.calmless >= calmTurn && h.waits(calm):
		return choose(calm, forState)
	case h.waits(urgent):
		return choose(urgent, forState)
	case news == first, news == fresh:
		return choose(news, forState)
	case h.waits(calm) && (news == none || !c.calm && !h.waited(late, staleAfter, now)):
		return choose(calm, forTwins)
	case news == late:
		return choose(late, forTwins)
	case h.waits(spare):
		return choose(spare, forRefresh)
	}
	return turn{}, false
}

// news returns which of the lanes first, fresh and late is next.
func (c *course) news(h *heads, now time.Time) lane {
	switch {
	case c.freshes >= maxOvertaking && h.waited(late, patience, now):
		return late
	case h.precedes(fresh, first):
		return fresh
	case h.waits(first):
		return first
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
	case first, fresh:
		c.freshes++
	case late:
		c.freshes = 0
	case calm:
		c.calmless = 0
	}
	c.urgents = 0
}
