package stack

import (
	"testing"

	"datastub/hack/port"
)

// FreePort returns a TCP port that nobody listens on, each once in a process.
func FreePort(t *testing.T) string {
	t.Helper()
	free, err := port.Free()
	if err != nil {
		t.Fatal(err)
	}
	return free
}
