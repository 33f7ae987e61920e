package modbus

import (
	"cmp"
	"slices"
)

// request is one read of a device, and the points that it is for, as indexes
// into the spans that were planned, by address.
type request struct {
	span
	points []int
}

// plan joins the spans of points into requests: each span is in one request,
// whole. A request is of one table, within the table's limits, and reads no
// more than the table's gap of addresses that no point asked for in a row. A
// span in cuts begins a request of its own. No span is larger than its table's
// limit.
func plan(spans []span, cuts map[span]bool) []request {
	order := make([]int, len(spans))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(spans[a], spans[b]) })

	var requests []request
	for _, i := range order {
		s := spans[i]
		if n := len(requests) - 1; n >= 0 && !cuts[s] && requests[n].takes(s) {
			requests[n].add(i, s)
			continue
		}
		requests = append(requests, request{s, []int{i}})
	}
	return requests
}

func compare(a, b span) int {
	return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.first, b.first), cmp.Compare(a.count, b.count))
}

// takes tells whether s, which begins at or behind the request's beginning,
// can be read along.
func (r *request) takes(s span) bool {
	return s.table == r.table &&
		s.first-r.end() <= r.table.maxGap() &&
		s.end()-r.first <= r.table.maxRead()
}

// add joins s, the span of point i, to the request.
func (r *request) add(i int, s span) {
	r.count = max(r.count, s.end()-r.first)
	r.points = append(r.points, i)
}

// split parts a request of two points or more in two where its widest gap
// is, or in the middle if it has none.
func (r *request) split(spans []span) (left, right request) {
	at := len(r.points) / 2
	widest, end := 0, r.first
	for k, i := range r.points {
		if gap := spans[i].first - end; gap > widest {
			widest, at = gap, k
		}
		end = max(end, spans[i].end())
	}
	return join(r.points[:at], spans), join(r.points[at:], spans)
}

// join makes one request of points in the order of their addresses.
func join(points []int, spans []span) request {
	r := request{span: spans[points[0]]}
	for _, i := range points {
		r.add(i, spans[i])
	}
	return r
}
