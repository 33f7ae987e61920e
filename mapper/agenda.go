package mapper

import (
	"fmt"
	"slices"
	"time"

	"datastub/driver"
)

// An agenda is which points of a device are read how often, as its device does
// it: each cycle on the grid of one origin, and in one read all that is due at
// one moment.
type agenda struct {
	planner driver.Planner
	answer  time.Duration // that the device needs to begin an answer
	names   []string
	points  []driver.Point
	cycles  []time.Duration // of the points
}

// A Load is what something takes of its bus in the long run.
type Load struct {
	Requests float64 // a second
	Use      float64 // of the bus's time: 1 is all of it
}

// add adds a point; one whose cycle is 0 or less is never read.
func (a *agenda) add(name string, point driver.Point, cycle time.Duration) {
	if cycle <= 0 {
		return
	}
	a.names = append(a.names, name)
	a.points = append(a.points, point)
	a.cycles = append(a.cycles, cycle)
}

// distinct returns the cycles, the shortest first.
func (a *agenda) distinct() []time.Duration {
	return slices.Compact(slices.Sorted(slices.Values(a.cycles)))
}

// plan returns the requests of what is due some time after the origin.
func (a *agenda) plan(at time.Duration) []PlannedRequest {
	var places []int
	var points []driver.Point
	for i, cycle := range a.cycles {
		if at%cycle == 0 {
			places, points = append(places, i), append(points, a.points[i])
		}
	}
	var requests []PlannedRequest
	for _, r := range a.planner.Plan(points, a.answer) {
		planned := PlannedRequest{Request: r}
		for _, k := range r.Points {
			planned.Properties = append(planned.Properties, a.names[places[k]])
		}
		requests = append(requests, planned)
	}
	return requests
}

// reads returns what is asked when each of the cycles is due for the first time.
func (a *agenda) reads() []PlannedRead {
	var reads []PlannedRead
	for _, cycle := range a.distinct() {
		reads = append(reads, PlannedRead{cycle, a.plan(cycle)})
	}
	return reads
}

// maxMoments is how many moments are looked at where cycles take longer to be
// all due at once again: the average is near enough by then.
const maxMoments = 10_000

// load adds up all moments until all cycles are due at once again.
func (a *agenda) load() Load {
	cycles := a.distinct()
	if len(cycles) == 0 {
		return Load{}
	}
	type cost struct {
		requests int
		time     time.Duration
	}
	known := map[string]cost{} // by which cycles are due
	var sum cost
	at := time.Duration(0)
	for moments := 0; moments == 0 || moments < maxMoments && !isMultiple(at, cycles); moments++ {
		due := fmt.Sprint(dueAt(at, cycles))
		c, ok := known[due]
		if !ok {
			for _, r := range a.plan(at) {
				c.requests++
				c.time += r.Time
			}
			known[due] = c
		}
		sum.requests += c.requests
		sum.time += c.time
		at = nextMoment(at, cycles)
	}
	return Load{float64(sum.requests) / at.Seconds(), sum.time.Seconds() / at.Seconds()}
}

// dueAt returns the places of the cycles that are due some time after the
// origin.
func dueAt(at time.Duration, cycles []time.Duration) []int {
	var due []int
	for k, cycle := range cycles {
		if at%cycle == 0 {
			due = append(due, k)
		}
	}
	return due
}

func isMultiple(at time.Duration, cycles []time.Duration) bool {
	return len(dueAt(at, cycles)) == len(cycles)
}

// nextMoment returns when one of the cycles is due next.
func nextMoment(at time.Duration, cycles []time.Duration) time.Duration {
	next := at + cycles[0]
	for _, cycle := range cycles {
		next = min(next, at-at%cycle+cycle)
	}
	return next
}
