package push

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
)

// A carrier brings letters to one destination. It belongs to one goroutine.
type carrier interface {
	// carry tries letters, each slice in its order, and sets what became of each.
	// The error says why some are kept; what comes after them in their slice is
	// kept, too. It returns soon after ctx ends.
	carry(ctx context.Context, batch [][]*letter) error
	// close gives back what the carrier holds. It is called once, in the end.
	close()
}

// reasonOf returns an error without what changes from try to try, the local
// port, and without what only the receiver may know, the URL.
func reasonOf(err error) error {
	if asked := (*url.Error)(nil); errors.As(err, &asked) {
		err = asked.Err
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Addr != nil {
		return fmt.Errorf("%s %s: %w", op.Op, op.Addr, op.Err)
	}
	return err
}
