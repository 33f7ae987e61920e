package push

import "time"

// The bounds of the wait between two tries of a destination.
const (
	minBackoff = 250 * time.Millisecond
	maxBackoff = 30 * time.Second
)

// backoff returns how long to wait after a number of failures in a row: full
// jitter, so that the mappers of many nodes do not come back in step. Random
// returns a number from 0 to below n.
func backoff(failures int, random func(n int64) int64) time.Duration {
	ceiling := minBackoff << min(failures, 20)
	return time.Duration(random(int64(min(ceiling, maxBackoff)))) + time.Millisecond
}
