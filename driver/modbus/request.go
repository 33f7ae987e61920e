package modbus

// request is one read of a device, and the points that it is for, as indexes
// into the spans that were planned, by address.
type request struct {
	span
	points []int
}

// join makes one request of points in the order of their addresses.
func join(points []int, spans []span) request {
	r := request{spans[points[0]], points}
	for _, i := range points {
		r.span = r.cover(spans[i])
	}
	return r
}

// split parts a request in two where its widest gap is, and of equal ones at
// the one nearest to its middle. It is not ok if all points are of one span.
func (r request) split(spans []span) (left, right request, ok bool) {
	at, widest := 0, -1
	end := spans[r.points[0]].end()
	for k := 1; k < len(r.points); k++ {
		s := spans[r.points[k]]
		gap := max(0, s.first-end)
		end = max(end, s.end())
		if s == spans[r.points[k-1]] || gap < widest {
			continue
		}
		if gap > widest || offMiddle(r, k) < offMiddle(r, at) {
			at, widest = k, gap
		}
	}
	if at == 0 {
		return r, r, false
	}
	return join(r.points[:at], spans), join(r.points[at:], spans), true
}

// offMiddle is how far the point at k is from the middle one.
func offMiddle(r request, k int) int {
	d := 2*k - len(r.points)
	return max(d, -d)
}

// seam is what a request covers that reads both of two spans, of which the
// second begins later, but neither of them does: what lies between them, or what
// they share, and an address on each side.
func seam(left, right span) span {
	first, end := min(left.end(), right.first)-1, max(left.end(), right.first)+1
	return span{left.table, first, end - first}
}
