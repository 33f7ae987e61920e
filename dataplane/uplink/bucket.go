package uplink

import "time"

// burstTime is how much of its rate a bucket holds: what may go at once after
// a pause.
const burstTime = 500 * time.Millisecond

// bucket bounds bytes by a rate. It may be overdrawn by what cannot be sent in
// parts, and is then empty for longer.
type bucket struct {
	rate   float64 // bytes a second; 0: no limit
	bytes  float64 // that may go
	filled time.Time
}

func newBucket(rate uint64) bucket {
	b := bucket{rate: float64(rate)}
	b.bytes = b.burst()
	return b
}

// burst returns the most that the bucket holds, in bytes.
func (b *bucket) burst() float64 { return b.rate * burstTime.Seconds() }

// fill adds what has come since it was last called.
func (b *bucket) fill(now time.Time) {
	if passed := now.Sub(b.filled); passed > 0 {
		b.bytes = min(b.bytes+b.rate*min(passed.Seconds(), 1e9), b.burst())
		b.filled = now
	}
}

// until returns when the bucket will hold at least so many bytes, zero if it
// does.
func (b *bucket) until(bytes float64, now time.Time) time.Time {
	if b.rate == 0 {
		return time.Time{}
	}
	b.fill(now)
	missing := bytes - b.bytes
	if missing <= 0 {
		return time.Time{}
	}
	return now.Add(time.Duration(missing/b.rate*float64(time.Second)) + 1) // rounded up
}

// take takes bytes that go now.
func (b *bucket) take(bytes int, now time.Time) {
	if b.rate > 0 {
		b.fill(now)
		b.bytes -= float64(bytes)
	}
}
