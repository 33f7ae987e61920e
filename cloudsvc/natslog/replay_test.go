package natslog

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"datastub/dataplane"
)

// TestLastBlockIsDropped has the client drop the last block of a log: the reader
// says that there are more, and does not wait for the next to come.
func TestLastBlockIsDropped(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	appendAll(t, l, 1, 3)
	r := l.readers[dataplane.RT]
	seen := 0
	err := r.consume(t.Context(), jetstream.OrderedConsumerConfig{}, func(messages jetstream.MessagesContext) error {
		return r.read(t.Context(), lossy{messages}, 0, 3, func(jetstream.Msg, *jetstream.MsgMetadata) error {
			seen++
			return nil
		})
	})
	if !errors.Is(err, errStalled) || seen != 2 {
		t.Errorf("%d blocks, and %v: want 2, and %v", seen, err, errStalled)
	}
}

// lossy loses the third block.
type lossy struct{ jetstream.MessagesContext }

func (m lossy) Next(opts ...jetstream.NextOpt) (jetstream.Msg, error) {
	msg, err := m.MessagesContext.Next(opts...)
	if err != nil {
		return nil, err
	}
	if meta, err := msg.Metadata(); err != nil || meta.Sequence.Stream != 3 {
		return msg, err
	}
	return m.MessagesContext.Next(opts...)
}
