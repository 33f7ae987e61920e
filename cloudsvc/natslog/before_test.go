package natslog

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"datastub/dataplane"
)

// slowStream has consumers that give nothing for a while at first.
type slowStream struct{ jetstream.Stream }

func (s slowStream) OrderedConsumer(ctx context.Context, config jetstream.OrderedConsumerConfig) (jetstream.Consumer, error) {
	c, err := s.Stream.OrderedConsumer(ctx, config)
	return slowConsumer{c}, err
}

type slowConsumer struct{ jetstream.Consumer }

func (c slowConsumer) Messages(opts ...jetstream.PullMessagesOpt) (jetstream.MessagesContext, error) {
	m, err := c.Consumer.Messages(opts...)
	return &slowMessages{MessagesContext: m}, err
}

type slowMessages struct {
	jetstream.MessagesContext
	asked bool
}

func (m *slowMessages) Next(opts ...jetstream.NextOpt) (jetstream.Msg, error) {
	if !m.asked {
		m.asked = true
		<-time.After(stallWait + stallWait/10)
		return nil, context.DeadlineExceeded
	}
	return m.MessagesContext.Next(opts...)
}

// TestBeforeWaits has a server that is slow to answer what was stored since, and
// one that limits have left nothing to answer with.
func TestBeforeWaits(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	appendAll(t, l, 1, 2)
	at := time.Now()
	appendAll(t, l, 3, 4)
	r := l.readers[dataplane.RT]
	r.stream = slowStream{r.stream}
	if seq, err := l.Before(t.Context(), dataplane.RT, at); err != nil || seq != 2 {
		t.Errorf("got %d, %v, want 2", seq, err)
	}
	for seq := range uint64(2) {
		if err := l.classes[dataplane.RT].stream.DeleteMsg(t.Context(), 3+seq); err != nil {
			t.Fatal(err)
		}
	}
	if seq, err := l.Before(t.Context(), dataplane.RT, at); err != nil || seq != 4 {
		t.Errorf("where nothing is left: got %d, %v, want 4", seq, err)
	}
}
