package natslog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// marksBucket holds the snapshots of marks, and marksKey tells which of them
	// is the last.
	marksBucket = "marks"
	marksKey    = "0"
	// marksPart is the most bytes of a snapshot in one value, half of NATS's own
	// max_payload: a snapshot of many publishers is larger than any.
	marksPart = 512 << 10
)

// markStore keeps the last snapshot of marks, and the parts of the one before
// it, or of the next one, until that is whole. So a save that is broken off
// leaves the last.
type markStore struct {
	bucket jetstream.KeyValue
	last   markHead
}

// markHead is the value of marksKey. The parts of a snapshot are at
// <marksKey>.<generation>.<0 …>.
type markHead struct {
	Generation int `json:"generation"` // 0 or 1
	Parts      int `json:"parts"`
}

func (h markHead) key(part int) string {
	return fmt.Sprintf("%s.%d.%d", marksKey, h.Generation, part)
}

func (s *markStore) open(ctx context.Context, js jetstream.JetStream) (err error) {
	s.bucket, err = openBucket(ctx, js, marksBucket, "how far each publisher is in the log")
	return err
}

// LoadMarks implements cloudsvc.MarkStore.
func (l *Log) LoadMarks(ctx context.Context) ([]byte, error) {
	snapshot, err := l.marks.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the marks: %w", err)
	}
	return snapshot, nil
}

func (s *markStore) load(ctx context.Context) ([]byte, error) {
	entry, err := s.bucket.Get(ctx, marksKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var head markHead
	if err := json.Unmarshal(entry.Value(), &head); err != nil {
		return entry.Value(), nil // which nobody takes for a snapshot
	}
	s.last = head
	var snapshot bytes.Buffer
	for n := range head.Parts {
		part, err := s.bucket.Get(ctx, head.key(n))
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			break // what there is does not pass for a snapshot
		}
		if err != nil {
			return nil, err
		}
		_, _ = snapshot.Write(part.Value())
	}
	return snapshot.Bytes(), nil
}

// SaveMarks implements cloudsvc.MarkStore.
func (l *Log) SaveMarks(ctx context.Context, snapshot []byte) error {
	if err := l.marks.save(ctx, snapshot); err != nil {
		return fmt.Errorf("save %d bytes of marks: %w", len(snapshot), err)
	}
	return nil
}

func (s *markStore) save(ctx context.Context, snapshot []byte) error {
	head := markHead{Generation: 1 - s.last.Generation&1}
	for part := range slices.Chunk(snapshot, marksPart) {
		if _, err := s.bucket.Put(ctx, head.key(head.Parts), part); err != nil {
			return err
		}
		head.Parts++
	}
	value, err := json.Marshal(head)
	if err != nil {
		return err
	}
	if _, err := s.bucket.Put(ctx, marksKey, value); err != nil {
		return err
	}
	s.last = head
	return nil
}
