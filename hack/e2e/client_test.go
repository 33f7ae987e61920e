package e2e

import (
	"testing"

	"datastub/cloudsvc/client"
	"datastub/hack/stack"
)

// newClient returns a client of a stack's cloudsvc, which is closed when the test
// ends.
func newClient(t *testing.T, s *stack.Stack) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{Server: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
