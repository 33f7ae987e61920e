package modbus

import "testing"

// checkCheapest holds the plan of a few spans to all other plans that keep to
// the bounds.
func checkCheapest(t *testing.T, spans []span, b bounds, barred []span, requests []request) {
	t.Helper()
	if len(spans) > 6 { // of which there are 203 plans
		return
	}
	got := 0
	for _, r := range requests {
		got += b.maxGap(r.table) + r.count
	}
	if best := cheapestOf(spans, b, barred, nil); got > best {
		t.Fatalf("%v cost %d, and %d would do: spans %v, bounds %v, barred %v", requests, got, best, spans, b, barred)
	}
}

// cheapestOf puts each span into every one of the groups, and into one of its
// own, and returns the least that all groups cost.
func cheapestOf(spans []span, b bounds, barred []span, groups [][]span) int {
	if len(spans) == 0 {
		return costOf(groups, b, barred)
	}
	best := cheapestOf(spans[1:], b, barred, append(groups[:len(groups):len(groups)], spans[:1]))
	for k, g := range groups {
		groups[k] = append(g[:len(g):len(g)], spans[0])
		best = min(best, cheapestOf(spans[1:], b, barred, groups))
		groups[k] = g
	}
	return best
}

// costOf returns what requests for groups of spans cost, which is more than
// anything if one of them cannot be made.
func costOf(groups [][]span, b bounds, barred []span) int {
	const tooMuch = 1 << 30
	cost := 0
	for _, g := range groups {
		whole, single := g[0], false
		for _, s := range g {
			if s.table != whole.table {
				return tooMuch
			}
			whole = whole.cover(s)
		}
		for _, s := range g {
			single = single || s == whole
		}
		if !single && whole.count > b.most(whole.table) {
			return tooMuch
		}
		for _, s := range barred {
			if !single && whole.covers(s) {
				return tooMuch
			}
		}
		cost += b.maxGap(whole.table) + whole.count
	}
	return cost
}
