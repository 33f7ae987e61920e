package uplink

import (
	"time"

	"datastub/dataplane"
)

// EndError says that a connection is over: close the socket, wait, and come
// back with a new Sender.
type EndError struct {
	Reason     string
	Code       dataplane.RefuseCode // 0 if the other end did not refuse
	RetryAfter time.Duration        // 0: the back-off's own time
	Address    string               // where to go instead; empty: the same
}

// Error tells the reason.
func (e *EndError) Error() string { return "uplink ended: " + e.Reason }
