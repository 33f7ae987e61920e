package stack

import (
	"context"
	"testing"

	"datastub/hack/link"
)

// StartLink puts a link in front of cloudsvc's uplink, which mappers dial that
// are started from now on. The target need not be given.
func (s *Stack) StartLink(o link.Options) *link.Link {
	s.t.Helper()
	if o.Target == "" {
		o.Target = s.Uplink
	}
	l := StartLink(s.t, o)
	s.Dial = "tcp://" + l.Address()
	return l
}

// StartLink starts a link to anything, which ends with the test.
func StartLink(t *testing.T, o link.Options) *link.Link {
	t.Helper()
	l, err := link.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}
