package uplink_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"datastub/dataplane/uplink"
)

// ping has a Clock observe a ping that took so long there and back, with the
// other end's clock ahead by so much.
func ping(c *uplink.Clock, ahead, there, back time.Duration) {
	const thinking = 3 * time.Millisecond
	t2 := start0.Add(there + ahead)
	c.Observe(start0, t2, t2.Add(thinking), start0.Add(there+thinking+back))
}

func TestClock(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	type way struct{ ahead, there, back time.Duration }
	tests := []struct {
		name              string
		pings             []way
		offset, roundTrip time.Duration
		known             bool
	}{
		{"nothing yet", nil, 0, 0, false},
		{"one", []way{{0, 5 * ms, 5 * ms}}, 0, 10 * ms, true},
		{"behind", []way{{time.Hour, 5 * ms, 5 * ms}}, time.Hour, 10 * ms, true},
		{"ahead", []way{{-time.Hour, 5 * ms, 5 * ms}}, -time.Hour, 10 * ms, true},
		{"since 1970", []way{{56 * 365 * 24 * time.Hour, 5 * ms, 5 * ms}}, 56 * 365 * 24 * time.Hour, 10 * ms, true},
		{"all the time is one way's", []way{{0, 10 * ms, 0}}, 5 * ms, 10 * ms, true},
		{"the quick ones count", []way{{0, 400 * ms, 0}, {0, 2 * ms, 2 * ms}, {0, 0, 300 * ms}, {0, 3 * ms, 3 * ms}}, 0, 6 * ms, true},
		{"a queue in one way", []way{{0, 1 * ms, 1 * ms}, {0, 90 * ms, 1 * ms}, {0, 1 * ms, 1 * ms}, {0, 80 * ms, 1 * ms}, {0, 1 * ms, 1 * ms}}, 0, 2 * ms, true},
		{"the last eight", append(make([]way, 5), []way{
			{0, 9 * ms, 9 * ms}, {0, 9 * ms, 9 * ms}, {0, 9 * ms, 9 * ms}, {0, 9 * ms, 9 * ms},
			{0, 9 * ms, 9 * ms}, {0, 9 * ms, 9 * ms}, {0, 9 * ms, 9 * ms}, {0, 9 * ms, 9 * ms},
		}...), 0, 18 * ms, true},
		{"a clock is set", []way{{0, ms, ms}, {0, ms, ms}, {0, ms, ms}, {-time.Minute, 5 * ms, 5 * ms}}, -time.Minute, 10 * ms, true},
		{"and set back", []way{{0, ms, ms}, {-time.Minute, 5 * ms, 5 * ms}, {0, 4 * ms, 4 * ms}}, 0, 8 * ms, true},
		{"set while a ping was on its way", []way{{0, ms, ms}, {0, -time.Second, ms}}, 0, 2 * ms, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := new(uplink.Clock)
			for _, p := range tt.pings {
				ping(c, p.ahead, p.there, p.back)
			}
			offset, roundTrip, known := c.Offset()
			if offset != tt.offset || roundTrip != tt.roundTrip || known != tt.known {
				t.Errorf("got %v, %v, %v; want %v, %v, %v", offset, roundTrip, known, tt.offset, tt.roundTrip, tt.known)
			}
		})
	}
}

// TestClockIsRightWithinItsRoundTrip: whatever the ways take, the offset is
// wrong by half of the round trip that is told at most.
func TestClockIsRightWithinItsRoundTrip(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		c := new(uplink.Clock)
		ahead := time.Duration(rng.Int64N(int64(2*time.Hour))) - time.Hour
		for range 1 + rng.IntN(12) {
			ping(c, ahead, time.Duration(rng.ExpFloat64()*2e7), time.Duration(rng.ExpFloat64()*5e6))
			offset, roundTrip, _ := c.Offset()
			if wrong := (offset - ahead).Abs(); wrong > roundTrip/2+1 { // a nanosecond is lost by halving
				t.Fatalf("the clock is ahead by %v: got %v, wrong by %v, with a round trip of %v", ahead, offset, wrong, roundTrip)
			}
		}
	}
}
