package natslog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

// sizeHeader says how large a message is whose headers alone are sent.
const sizeHeader = "Nats-Msg-Size"

// A trimmer lets go of what a class's shelves do not keep. It follows the
// stream, of which it gets no more than the sizes.
type trimmer struct {
	reader *classReader
	seen   uint64

	mu     sync.Mutex
	stocks map[string]*stock // by subject; those whose limits the stream does not hold by itself
}

func (l *Log) newTrimmer(class dataplane.Class) *trimmer {
	t := &trimmer{reader: l.readers[class], stocks: make(map[string]*stock)}
	of := l.classes[class].stream.CachedInfo().Config
	for i := range l.shelves {
		if s := &l.shelves[i]; tighter(s, of) {
			t.stocks[l.classes[class].subject(s.ID)] = &stock{maxAge: s.MaxAge, maxBytes: s.MaxBytes}
		}
	}
	return t
}

// tighter tells whether a shelf has limits that its stream does not hold by
// itself.
func tighter(s *cloudsvc.Shelf, of jetstream.StreamConfig) bool {
	return s.MaxAge > 0 && (of.MaxAge <= 0 || s.MaxAge < of.MaxAge) ||
		s.MaxBytes > 0 && (of.MaxBytes <= 0 || s.MaxBytes < of.MaxBytes)
}

// trim takes in what is new, and lets go of what is too old or too much.
func (t *trimmer) trim(ctx context.Context, now time.Time) error {
	if err := t.follow(ctx); err != nil {
		return fmt.Errorf("follow the stream behind %d: %w", t.seen, err)
	}
	for subject, upTo := range t.over(now) {
		if err := t.reader.stream.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(upTo+1)); err != nil {
			return fmt.Errorf("let go of %s up to %d: %w", subject, upTo, err)
		}
		t.gone(subject, upTo)
	}
	return nil
}

// over returns up to which block each subject is to be let go of, of those that
// are.
func (t *trimmer) over(now time.Time) map[string]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	over := make(map[string]uint64)
	for subject, s := range t.stocks {
		if upTo := s.beyond(now, 1); upTo > 0 {
			over[subject] = upTo
		}
	}
	return over
}

// gone takes note of what a subject was let go of.
func (t *trimmer) gone(subject string, upTo uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stocks[subject].drop(upTo)
}

// beyond returns the last block of a subject that a share of its limits would not
// keep, of what was seen; 0: there is none, or the stream holds the limits by itself.
func (t *trimmer) beyond(subject string, now time.Time, share float64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.stocks[subject]; s != nil {
		return s.beyond(now, share)
	}
	return 0
}

// forget has all be read again.
func (t *trimmer) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = 0
	for subject, s := range t.stocks {
		t.stocks[subject] = &stock{maxAge: s.maxAge, maxBytes: s.maxBytes}
	}
}

// follow takes in the blocks that have come.
func (t *trimmer) follow(ctx context.Context) error {
	info, err := t.reader.stream.Info(ctx)
	if err != nil {
		return err
	}
	last := info.State.LastSeq
	if last < t.seen { // the stream has lost its end
		t.forget()
	}
	if last == t.seen || info.State.Msgs == 0 {
		t.seen = last
		return nil
	}
	err = t.reader.consume(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: t.seen + 1, HeadersOnly: true,
	}, func(messages jetstream.MessagesContext) error {
		if err := t.reader.read(ctx, messages, t.seen, last, t.count); err != nil {
			return err
		}
		t.seen = last
		return nil
	})
	if errors.Is(err, errStalled) {
		return nil // it goes on behind what came
	}
	return err
}

// count takes in one block.
func (t *trimmer) count(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = meta.Sequence.Stream
	if s := t.stocks[msg.Subject()]; s != nil {
		size, err := strconv.ParseInt(msg.Headers().Get(sizeHeader), 10, 64)
		if err != nil {
			return fmt.Errorf("size of block %d: %w", t.seen, err)
		}
		s.add(t.seen, meta.Timestamp, size)
	}
	return nil
}
