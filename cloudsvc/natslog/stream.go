package natslog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"datastub/dataplane"
)

const (
	// shard and retention are the only ones there are, until there are more.
	shard     = 0
	retention = 0
	// maxAge and maxBytes bound each stream that is made here; the oldest blocks
	// go first.
	maxAge   = 7 * 24 * time.Hour
	maxBytes = 1 << 30
)

// openClass opens a class's stream, or makes it with room for some bytes, and
// finds where it ends.
func openClass(ctx context.Context, js jetstream.JetStream, class dataplane.Class, room int64) (*classLog, error) {
	prefix := "ds." + strings.ToLower(class.String())
	stream, err := openStream(ctx, js, jetstream.StreamConfig{
		Name:        class.String(),
		Description: "DataStub's blocks of class " + class.String(),
		Subjects:    []string{prefix + ".*.*"},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		MaxAge:      maxAge,
		MaxBytes:    room,
	})
	if err != nil {
		return nil, fmt.Errorf("open the stream %v: %w", class, err)
	}
	return &classLog{stream: stream, subject: fmt.Sprintf("%s.%d.%d", prefix, shard, retention), last: stream.CachedInfo().State.LastSeq}, nil
}

// openStream opens a stream as it is, or makes it. Limits and replicas of one
// that is there are its operator's.
func openStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (jetstream.Stream, error) {
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return js.CreateStream(ctx, want)
	}
	if err != nil {
		return nil, err
	}
	return stream, checkStream(stream.CachedInfo().Config, want.Subjects[0])
}

// checkStream tells what is wrong with a stream that somebody else made.
func checkStream(have jetstream.StreamConfig, subject string) error {
	switch {
	case !slices.Contains(have.Subjects, subject):
		return fmt.Errorf("its subjects are %q: want %q among them", have.Subjects, subject)
	case have.Storage != jetstream.FileStorage:
		return fmt.Errorf("its storage is %v: want %v", have.Storage, jetstream.FileStorage)
	case have.Retention != jetstream.LimitsPolicy:
		return fmt.Errorf("its retention is %v: want %v", have.Retention, jetstream.LimitsPolicy)
	case have.NoAck:
		return errors.New("it does not acknowledge what it stores (no_ack)")
	}
	return nil
}
