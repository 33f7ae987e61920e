package stack

import (
	"testing"
	"time"

	"datastub/hack/poll"
)

// Eventually waits until ok, for at most 30 s.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll.Within(t, 30*time.Second, what, ok)
}
