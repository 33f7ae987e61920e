package kubeedge

import (
	"testing"
	"time"

	"datastub/hack/stack"
)

// slept is how many cycles of each device and topic may be missing, beside one in
// a hundred: a machine with much else to do sleeps through some.
const slept = 5

// checkCycles fails if more cycles than that have no value, of each device and
// topic from its first value to its last, and returns how many of these there are.
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
	if len(messages) < cycles-cycles/100-slept*len(first) {
		t.Errorf("got %d values in %d cycles of %v, want one in each", len(messages), cycles, cycle)
	}
	return len(first)
}

// checkOpenedOnce fails if a counter falls: a device that is opened again counts
// from 0.
func checkOpenedOnce(t *testing.T, messages []stack.Received) {
	t.Helper()
	last := map[string]float64{}
	for _, m := range messages {
		n, ok := m.Value.Number()
		if !ok || n < last[m.Address()] {
			t.Fatalf("%s has %v behind %v", m.Address(), m.Value, last[m.Address()])
		}
		last[m.Address()] = n
	}
}
