package cloudsvc

import (
	"context"
	"fmt"

	"datastub/dataplane"
)

// httpNode is the node of what is published over HTTP.
const httpNode = "http"

// httpBudget is how many bytes of messages may be published over HTTP and not
// stored. What comes when it is spent is refused with ErrBusy, and counted.
const httpBudget = 32 << 20

// maxHTTPSeries is how many series of one identity are kept count of.
const maxHTTPSeries = 100_000

// httpPublisher returns the publisher of what somebody publishes over HTTP.
func httpPublisher(identity Identity) string { return httpNode + "/" + string(identity) }

// Publish stores what was published over HTTP: see the interface Publisher.
// Messages of both classes go into two blocks, so that a crash may keep one
// without the other; the publisher has no answer then.
func (i *Ingest) Publish(ctx context.Context, identity Identity, messages []dataplane.Message) ([]dataplane.ID, error) {
	ids, waits, err := i.publish(ctx, identity, nil, messages)
	if err != nil {
		return nil, err
	}
	return ids, i.awaitAll(ctx, waits)
}

// publish puts messages on their way into the log, of a request with a key or
// without one.
func (i *Ingest) publish(ctx context.Context, identity Identity, key *RequestKey, messages []dataplane.Message) ([]dataplane.ID, []<-chan struct{}, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if err := i.Ready(); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	size := weigh(messages)
	if !i.httpRoom.TryAcquire(size) {
		i.options.Metrics.publishRefused.Inc()
		return nil, nil, fmt.Errorf("%w: %d bytes more than the %d that may wait", ErrBusy, size, httpBudget)
	}
	publisher := httpPublisher(identity)
	ids, waits, err := i.accept(publisher, maxHTTPSeries, i.httpRoom, key, messages)
	if err != nil {
		i.httpRoom.Release(size)
		return nil, nil, err
	}
	// A registry that is full does not list the publisher; its messages pass.
	_, _ = i.options.Registry.Register(Registration{ID: publisher})
	return ids, waits, nil
}

// awaitAll waits until entries are stored, or nobody will store them any more.
func (i *Ingest) awaitAll(ctx context.Context, waits []<-chan struct{}) error {
	for _, stored := range waits {
		if err := i.await(ctx, stored); err != nil {
			return err
		}
	}
	return nil
}

// await waits until an entry is stored, or nobody will store it any more.
func (i *Ingest) await(ctx context.Context, stored <-chan struct{}) error {
	select {
	case <-stored:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-i.ended:
	}
	select {
	case <-stored: // just before the end
		return nil
	default:
		return ErrClosed
	}
}
