package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

// stallWait is how long a replay waits for a block before it looks whether
// there is any left: limits may take what was still to come.
const stallWait = time.Second

// readAhead is how many blocks wait for a visitor at most: 16 MiB of full ones.
const readAhead = 64

// Replay implements cloudsvc.Log.
func (l *Log) Replay(ctx context.Context, class dataplane.Class, after uint64, visit cloudsvc.Visit) error {
	if err := l.classes[class].replay(ctx, after, visit); err != nil {
		return fmt.Errorf("read the stream %v behind %d: %w", class, after, err)
	}
	return nil
}

// Ends implements cloudsvc.Log.
func (l *Log) Ends(ctx context.Context, class dataplane.Class) (first, last uint64, err error) {
	info, err := l.classes[class].stream.Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("find the ends of the stream %v: %w", class, err)
	}
	if info.State.Msgs == 0 {
		return info.State.LastSeq + 1, info.State.LastSeq, nil
	}
	return info.State.FirstSeq, info.State.LastSeq, nil
}

func (c *classLog) replay(ctx context.Context, after uint64, visit cloudsvc.Visit) error {
	info, err := c.stream.Info(ctx)
	if err != nil {
		return err
	}
	last := info.State.LastSeq
	if last < after {
		return fmt.Errorf("it ends at %d: %w", last, cloudsvc.ErrTruncated)
	}
	if last == after || info.State.Msgs == 0 {
		return nil
	}
	consumer, err := c.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead))
	if err != nil {
		return err
	}
	defer messages.Stop()
	return c.read(ctx, messages, after, last, visit)
}

// read visits the blocks behind a sequence up to last.
func (c *classLog) read(ctx context.Context, messages jetstream.MessagesContext, after, last uint64, visit cloudsvc.Visit) error {
	for after < last {
		if err := ctx.Err(); err != nil {
			return err
		}
		msg, err := next(ctx, messages)
		if errors.Is(err, errStalled) {
			if ended, err := c.ended(ctx, after, last); ended || err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		if after = meta.Sequence.Stream; after > last {
			return nil
		}
		if err := visit(after, meta.Timestamp, msg.Data()); err != nil {
			return err
		}
		if meta.NumPending == 0 {
			return nil
		}
	}
	return nil
}

// errStalled says that no block came for stallWait.
var errStalled = errors.New("no block came")

func next(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	wait, cancel := context.WithTimeout(ctx, stallWait)
	defer cancel()
	msg, err := messages.Next(jetstream.NextContext(wait))
	if err != nil && wait.Err() != nil && ctx.Err() == nil {
		return nil, errStalled
	}
	return msg, err
}

// ended tells whether nothing is left in the stream behind a sequence up to
// last.
func (c *classLog) ended(ctx context.Context, after, last uint64) (bool, error) {
	msg, err := c.stream.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(c.subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true, nil
	}
	return err == nil && msg.Sequence > last, err
}
