package modbus

import (
	"time"

	"datastub/driver"
)

var _ driver.Planner = (*device)(nil)

// Bus implements driver.Planner.
func (d *device) Bus() string { return d.unit.config.line.address }

// Plan implements driver.Planner. A network is taken to add nothing to what a
// device needs to answer. In the device's pause the line is free for others.
func (d *device) Plan(points []driver.Point, answer time.Duration) []driver.Request {
	spans := make([]span, len(points))
	places := make([]int, len(points))
	for i, p := range points {
		spans[i], places[i] = d.own(p).span, i
	}
	var requests []driver.Request
	for _, r := range plan(spans, places, d.bounds, nil) {
		size := d.unit.config.line.traffic(r.span)
		requests = append(requests, driver.Request{
			Text: r.String(), Points: r.points, Bytes: size, Time: answer + d.unit.config.line.transit(size),
		})
	}
	return requests
}

// traffic is how many bytes a read of a span and its answer are.
func (c lineConfig) traffic(s span) int {
	const question, answer = 1 + 2 + 2, 1 + 1 // function, address and count; function and byte count
	around := 1 + crcSize                     // the unit, and the checksum
	if c.mode.numbered() {
		around = headerSize + 1
	}
	return around + question + around + answer + s.dataSize()
}

// dataSize is how many bytes the values of a span are.
func (s span) dataSize() int {
	if s.table.bits() {
		return (s.count + 7) / 8
	}
	return 2 * s.count
}

// transit is how long a request and its answer of so many bytes take a serial
// line, with the silence that ends each of them.
func (c lineConfig) transit(size int) time.Duration {
	if c.mode != overSerial {
		return 0
	}
	p := c.pace()
	return time.Duration(size)*p.character + 2*p.between
}
