package modbus

import (
	"cmp"
	"math"
	"slices"
)

// plan joins the spans of points, given as indexes into spans, into requests:
// each point is in one request, whole, and a request is of one table and within
// the bounds. It covers none of the barred spans, but for those that a single
// point covers.
//
// The plan is the cheapest there is, where a request costs as much as reading
// the largest gap: so no larger gap is read along, any smaller one is, and where
// requests have to be parted for their size they are parted at the widest gaps.
// Of equal plans it is the one with the fewest requests.
func plan(spans []span, points []int, b bounds, barred []span) []request {
	order := slices.SortedStableFunc(slices.Values(points), func(a, b int) int { return compare(spans[a], spans[b]) })
	best := make([]step, len(order)+1) // of the points from there on
	for k := len(order) - 1; k >= 0; k-- {
		best[k] = cheapest(spans, order[k:], b, barred, best[k:])
	}
	var requests []request
	for k := 0; k < len(order); k = k + best[k].points {
		requests = append(requests, join(order[k:k+best[k].points], spans))
	}
	return requests
}

func compare(a, b span) int {
	return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.first, b.first), cmp.Compare(a.count, b.count))
}

// A step is the first request of the cheapest plan of some points, and what
// all of the plan costs.
type step struct {
	points   int // that the first request is for
	cost     int
	requests int
}

// cheapest returns the first step of the cheapest plan of points in the order
// of their addresses; rest are those of the points behind the first, the second
// and so on.
func cheapest(spans []span, order []int, b bounds, barred []span, rest []step) step {
	s := spans[order[0]]
	last := min(s.first+b.most(s.table), lastEnd(s, barred))
	best := step{cost: math.MaxInt}
	for n := 1; ; n++ {
		candidate := step{n, b.maxGap(s.table) + s.count + rest[n].cost, 1 + rest[n].requests}
		if cmp.Or(cmp.Compare(candidate.cost, best.cost), cmp.Compare(candidate.requests, best.requests)) <= 0 {
			best = candidate
		}
		if n == len(order) {
			return best
		}
		next := spans[order[n]]
		grown := s.cover(next)
		single := grown == s || grown == next // reads no more than one point
		if next.table != s.table || next.first-s.end() > b.maxGap(s.table) || !single && grown.end() > last {
			return best
		}
		s = grown
	}
}

// lastEnd returns the last end that a request which begins as s does may have
// and cover nothing barred.
func lastEnd(s span, barred []span) int {
	last := addresses
	for _, b := range barred {
		if b.table == s.table && b.first >= s.first {
			last = min(last, b.end()-1)
		}
	}
	return last
}
