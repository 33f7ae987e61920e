package mapper

import (
	"fmt"
	"testing"
	"time"
)

func TestPhasesAreSpread(t *testing.T) {
	t.Parallel()
	const devices, slots = 1000, 10
	for _, test := range []struct {
		spread time.Duration
		cycles []time.Duration
		below  time.Duration
	}{
		{time.Second, []time.Duration{time.Minute}, time.Second},
		{time.Second, []time.Duration{time.Hour, 200 * time.Millisecond, 0}, 200 * time.Millisecond},
		{time.Second, nil, time.Second},
	} {
		var counts [slots]int
		for n := range devices {
			s := Spec{Key: Key{"plant", fmt.Sprintf("meter-%d", n)}}
			for _, cycle := range test.cycles {
				s.Properties = append(s.Properties, Property{CollectCycle: cycle})
			}
			got := s.phase(test.spread)
			if got < 0 || got >= test.below || got != s.phase(test.spread) {
				t.Fatalf("%v, %v: phase of %v is %v", test.spread, test.cycles, s.Key, got)
			}
			counts[got*slots/test.below]++
		}
		for _, n := range counts {
			if most := 2 * devices / slots; n > most {
				t.Errorf("%v, %v: devices by tenth: %v, want at most %d", test.spread, test.cycles, counts, most)
			}
		}
	}
	if got := (&Spec{}).phase(0); got != 0 {
		t.Errorf("spread over no time: got %v", got)
	}
}
