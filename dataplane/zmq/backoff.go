package zmq

import (
	"math/rand/v2"
	"time"
)

// The bounds of the wait between two connections.
const (
	minBackoff = 200 * time.Millisecond
	maxBackoff = 30 * time.Second
)

// backoff returns how long to wait after a number of failures in a row: full
// jitter, so that ten thousand publishers do not come back in step.
func backoff(failures int, random func(n int64) int64) time.Duration {
	ceiling := minBackoff << min(failures, 20)
	return time.Duration(random(int64(min(ceiling, maxBackoff)))) + time.Millisecond
}

// jitter is backoff's randomness outside tests.
func jitter(n int64) int64 { return rand.Int64N(n) }
