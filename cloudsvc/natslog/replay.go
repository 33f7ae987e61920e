package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

const (
	// pullBlocks and pullBytes are how much of the stream is asked for at once,
	// the bytes at least the largest block.
	pullBlocks = 64
	pullBytes  = 10 << 20
	// consumerWait is how long the server keeps a consumer that nobody reads.
	consumerWait = 30 * time.Second
)

// stallWait is how long a replay waits for a block before it looks whether
// there is any left: limits may take what was still to come.
const stallWait = time.Second

// A classReader reads one class. It has a connection of its own: what is
// answered to a writer does not stand behind megabytes of blocks.
type classReader struct {
	stream   jetstream.Stream
	subjects string
}

// openReaders connects once more, to streams that are there.
func (l *Log) openReaders(ctx context.Context, o Options) (err error) {
	if l.reading, err = connect(o, l.server, nats.Name("cloudsvc reader")); err != nil {
		return err
	}
	js, err := jetstream.New(l.reading)
	if err != nil {
		return err
	}
	for class, c := range l.classes {
		stream, err := js.Stream(ctx, class.String())
		if err != nil {
			return fmt.Errorf("open the stream %v to read it: %w", class, err)
		}
		l.readers[class] = &classReader{stream, c.subjects()}
	}
	return nil
}

// Replay implements cloudsvc.Log.
func (l *Log) Replay(ctx context.Context, class dataplane.Class, after uint64, visit cloudsvc.Visit) error {
	if err := l.readers[class].replay(ctx, after, visit); err != nil {
		return fmt.Errorf("read the stream %v behind %d: %w", class, after, err)
	}
	return nil
}

// Before implements cloudsvc.Log.
func (l *Log) Before(ctx context.Context, class dataplane.Class, at time.Time) (uint64, error) {
	seq, err := l.readers[class].before(ctx, at)
	if err != nil {
		return 0, fmt.Errorf("find what the stream %v had at %v: %w", class, at, err)
	}
	return seq, nil
}

// Ends implements cloudsvc.Log.
func (l *Log) Ends(ctx context.Context, class dataplane.Class) (first, last uint64, err error) {
	info, err := l.readers[class].stream.Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("find the ends of the stream %v: %w", class, err)
	}
	if info.State.Msgs == 0 {
		return info.State.LastSeq + 1, info.State.LastSeq, nil
	}
	return info.State.FirstSeq, info.State.LastSeq, nil
}

func (r *classReader) replay(ctx context.Context, after uint64, visit cloudsvc.Visit) error {
	info, err := r.stream.Info(ctx)
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
	err = errStalled
	for errors.Is(err, errStalled) {
		err = r.consume(ctx, jetstream.OrderedConsumerConfig{
			DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
		}, func(messages jetstream.MessagesContext) error {
			return r.read(ctx, messages, after, last, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
				after = meta.Sequence.Stream
				return visit(after, meta.Timestamp, msg.Data())
			})
		})
	}
	return err
}

// before finds the last block that was stored before a time.
func (r *classReader) before(ctx context.Context, at time.Time) (uint64, error) {
	info, err := r.stream.Info(ctx)
	if err != nil {
		return 0, err
	}
	state := info.State
	if state.Msgs == 0 || state.LastTime.Before(at) {
		return state.LastSeq, nil
	}
	if !state.FirstTime.Before(at) {
		return 0, nil
	}
	found := state.LastSeq
	err = r.consume(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &at, HeadersOnly: true,
	}, func(messages jetstream.MessagesContext) error {
		msg, err := r.since(ctx, messages, at)
		if errors.Is(err, errStalled) {
			return nil // limits have taken them meanwhile
		}
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err == nil {
			found = meta.Sequence.Stream - 1
		}
		return err
	})
	return found, err
}

// since waits for the first of the messages, which are those stored at a time or
// later. It returns errStalled where there is none.
func (r *classReader) since(ctx context.Context, messages jetstream.MessagesContext, at time.Time) (jetstream.Msg, error) {
	for {
		msg, err := next(ctx, messages)
		if !errors.Is(err, errStalled) {
			return msg, err
		}
		last, err := r.stream.GetLastMsgForSubject(ctx, r.subjects)
		if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && last.Time.Before(at) {
			return nil, errStalled
		}
		if err != nil {
			return nil, err
		}
	}
}

// consume has a consumer read, and removes it: a stream may have a thousand of
// them, and one that is left alone stays for minutes.
func (r *classReader) consume(ctx context.Context, config jetstream.OrderedConsumerConfig, read func(jetstream.MessagesContext) error) error {
	config.InactiveThreshold = consumerWait
	consumer, err := r.stream.OrderedConsumer(ctx, config)
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(pullBlocks, pullBytes))
	if err != nil {
		return err
	}
	defer func() {
		messages.Stop()
		// A server that is away removes it by itself.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stallWait)
		defer cancel()
		_ = r.stream.DeleteConsumer(last, consumer.CachedInfo().Name)
	}()
	return read(messages)
}

// read visits the blocks behind a sequence up to last. It ends with errStalled
// where none comes though there are more: the client's channel is as long as one
// pull, and drops what is one too many. The library sees that by the block that
// comes next, and behind the last of a quiet log none does.
func (r *classReader) read(ctx context.Context, messages jetstream.MessagesContext, after, last uint64, visit func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	for after < last {
		if err := ctx.Err(); err != nil {
			return err
		}
		msg, err := next(ctx, messages)
		if errors.Is(err, errStalled) {
			if ended, failed := r.ended(ctx, after, last); ended || failed != nil {
				return failed
			}
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
		if err := visit(msg, meta); err != nil {
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
func (r *classReader) ended(ctx context.Context, after, last uint64) (bool, error) {
	msg, err := r.stream.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(r.subjects))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true, nil
	}
	return err == nil && msg.Sequence > last, err
}
