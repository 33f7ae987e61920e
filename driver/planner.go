package driver

import "time"

// A Planner is a Device that can tell what its reads take of the bus that they
// travel on, without any IO.
type Planner interface {
	// Bus names what the device's requests travel on, one at a time: devices of
	// one name share its time.
	Bus() string

	// Plan returns the requests of one Read of the points, of a device that
	// refuses nothing and takes answer to begin its answer.
	Plan(points []Point, answer time.Duration) []Request
}

// A Request is one question to a device, and its answer.
type Request struct {
	Text   string        // in the protocol's words: "holding registers 0-9"
	Points []int         // places of the points that it reads
	Bytes  int           // both ways
	Time   time.Duration // for which the bus is taken, estimated
}
