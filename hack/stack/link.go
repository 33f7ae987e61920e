package stack

import (
	"context"

	"datastub/hack/link"
)

// StartLink puts a link in front of cloudsvc's uplink, which mappers dial that
// are started from now on. The target need not be given.
func (s *Stack) StartLink(o link.Options) *link.Link {
	s.t.Helper()
	if o.Target == "" {
		o.Target = s.Uplink
	}
	l, err := link.New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	})
	s.Dial = "tcp://" + l.Address()
	return l
}
