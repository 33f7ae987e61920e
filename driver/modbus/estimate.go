package modbus

import (
	"time"

	"datastub/driver"
)

var _ driver.Planner = (*device)(nil)

// Bus implements driver.Planner.
func (d *device) Bus() string { return d.unit.config.line.address }

// Plan implements driver.Planner. A network is taken to add nothing to what a
// device needs to answer.
func (d *device) Plan(points []driver.Point, answer time.Duration) []driver.Request {
	spans := make([]span, len(points))
	places := make([]int, len(points))
	for i, p := range points {
		spans[i], places[i] = d.own(p).span, i
	}
	var requests []driver.Request
	for _, r := range plan(spans, places, d.bounds, nil) {
		requests = append(requests, driver.Request{
			Text: r.String(), Points: r.points, Bytes: r.requestSize() + r.answerSize(), Time: answer,
		})
	}
	return requests
}

// requestSize is how many bytes a read of the span is on TCP: a header without
// the unit, which is 6, the unit, the function, address and count.
func (s span) requestSize() int { return headerSize + 1 + 1 + 2 + 2 }

// answerSize is how many bytes its answer is: a header without the unit, the
// unit, the function, a count and the data.
func (s span) answerSize() int { return headerSize + 1 + 1 + 1 + s.dataSize() }

// dataSize is how many bytes the span's values are.
func (s span) dataSize() int {
	if s.table.bits() {
		return (s.count + 7) / 8
	}
	return 2 * s.count
}
