package kubeedge

import (
	"testing"
	"time"

	"datastub/hack/stack"
)

// checkCycles fails if more than one in a hundred cycles has no value, of each
// device and topic from its first value to its last, and returns how many of these
// there are. (A machine with much else to do may sleep through one.)
func checkCycles(t *testing.T, messages []stack.Received, cycle time.Duration) (series int) {
	t.Helper()
	first, last := map[string]time.Time{}, map[string]time.Time{}
	for _, m := range messages {
		address := m.Address()
		if first[address].IsZero() {
			first[address] = m.Time
		}
		last[address] = m.Time
	}
	cycles := 0
	for address := range first {
		cycles += int(last[address].Sub(first[address]).Round(cycle)/cycle) + 1
	}
	t.Logf("%d values of %d series in %d cycles of %v", len(messages), len(first), cycles, cycle)
	if len(messages) < cycles-cycles/100 {
		t.Errorf("got %d values in %d cycles of %v, want one in each", len(messages), cycles, cycle)
	}
	return len(first)
}
