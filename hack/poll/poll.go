// Package poll waits in tests for what comes about by itself.
package poll

import (
	"testing"
	"time"
)

// tick is how often it is looked.
const tick = 5 * time.Millisecond

// Within waits until ok, and fails the test if that takes longer than a limit.
func Within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for !ok() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatalf("not in %v: %s", limit, what)
		}
	}
}
