package driver

import "time"

// A Reading is one point's answer to one read. Either Err is nil and Value
// has the Go type that the point's Type names, or Err says why this point,
// and only this point, has no value.
type Reading struct {
	Value any
	Time  time.Time // when the device's answer arrived
	// Suspect is empty, or says why Value is kept but not to be trusted, such
	// as "above max 100". It becomes quality bad.
	Suspect string
	Err     error
}
