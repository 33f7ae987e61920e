package cloudsvc

import (
	"context"
	"fmt"

	"datastub/dataplane"
)

const (
	// eventNode is the node of what cloudsvc itself tells, and eventPublisher the
	// publisher of its events; logPublisher is that of its gaps.
	eventNode      = "cloudsvc"
	eventPublisher = eventNode + "/events"
	// HookTopic is the topic of the messages that tell what happened to a durable
	// subscription; their device is its id.
	HookTopic = dataplane.EventTopic + "/subscription"
	// eventBudget is how many bytes of events may be on their way into the log.
	eventBudget = 4 << 20
)

// PublishEvents stores events of cloudsvc's own, which it gives ids, as messages
// of class RT. It returns once they are stored.
func (i *Ingest) PublishEvents(ctx context.Context, events []dataplane.Message) error {
	if err := i.Ready(); err != nil {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	size := weigh(events)
	if !i.eventRoom.TryAcquire(size) {
		return fmt.Errorf("%w: %d bytes of events more than the %d that may wait", ErrBusy, size, eventBudget)
	}
	_, waits, err := i.accept(eventPublisher, maxHooks, i.eventRoom, nil, events)
	if err != nil {
		i.eventRoom.Release(size)
		return err
	}
	return i.awaitAll(ctx, waits)
}
