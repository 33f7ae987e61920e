package natslog

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// subsBucket and cursorsBucket hold durable subscriptions by their ids, and
	// their cursors by partition.
	subsBucket    = "subs"
	cursorsBucket = "cursors"
	windowsBucket = "windows" // what is kept of their windows, by their ids
)

// hookStore keeps durable subscriptions.
type hookStore struct {
	subs, cursors, windows jetstream.KeyValue
}

// open opens or makes what is needed.
func (s *hookStore) open(ctx context.Context, js jetstream.JetStream) (err error) {
	if s.subs, err = openBucket(ctx, js, subsBucket, "durable subscriptions"); err != nil {
		return err
	}
	if s.cursors, err = openBucket(ctx, js, cursorsBucket, "how far each durable subscription is"); err != nil {
		return err
	}
	if s.windows, err = openBucket(ctx, js, windowsBucket, "where the windows of each durable subscription are"); err != nil {
		return err
	}
	return s.forget(ctx)
}

// forget removes what tells of subscriptions that are gone, but for those that went
// just now: as long as a marker is there, nothing that a crash of the server brings
// back of them counts.
func (s *hookStore) forget(ctx context.Context) error {
	for _, bucket := range []jetstream.KeyValue{s.subs, s.windows} {
		if err := bucket.PurgeDeletes(ctx); err != nil {
			return fmt.Errorf("remove what is deleted from the bucket %s: %w", bucket.Bucket(), err)
		}
	}
	return nil
}

// openBucket opens a bucket as it is, or makes it.
func openBucket(ctx context.Context, js jetstream.JetStream, name, holds string) (jetstream.KeyValue, error) {
	bucket, err := js.KeyValue(ctx, name)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		bucket, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: name, Description: holds, Storage: jetstream.FileStorage})
	}
	if err != nil {
		return nil, fmt.Errorf("open the bucket %s: %w", name, err)
	}
	return bucket, nil
}

// LoadHooks implements cloudsvc.HookStore.
func (l *Log) LoadHooks(ctx context.Context) (map[string][]byte, error) {
	return loadBucket(ctx, l.hooks.subs)
}

// loadBucket returns all that is in a bucket.
func loadBucket(ctx context.Context, bucket jetstream.KeyValue) (map[string][]byte, error) {
	watcher, err := bucket.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("read the bucket %s: %w", bucket.Bucket(), err)
	}
	defer func() { _ = watcher.Stop() }() // which only says that it has stopped
	all := make(map[string][]byte)
	for {
		select {
		case entry, ok := <-watcher.Updates():
			switch {
			case !ok:
				return nil, fmt.Errorf("read the bucket %s: the connection was lost", bucket.Bucket())
			case entry == nil: // that was all
				return all, nil
			}
			all[entry.Key()] = entry.Value()
		case <-ctx.Done():
			return nil, fmt.Errorf("read the bucket %s: %w", bucket.Bucket(), ctx.Err())
		}
	}
}

// SaveHook implements cloudsvc.HookStore. Whoever made a subscription believes in
// it from then on: like a block, it is not stored where nobody finds it again.
func (l *Log) SaveHook(ctx context.Context, id string, record []byte) error {
	if l.server != nil {
		if err := l.mend(ctx); err != nil {
			return err
		}
	}
	_, err := l.hooks.subs.Put(ctx, id, record)
	return err
}

// DeleteHook implements cloudsvc.HookStore. What is broken off between the two
// leaves windows of nobody, which are deleted when they are loaded; the other way
// round a subscription would begin anew.
func (l *Log) DeleteHook(ctx context.Context, id string) error {
	if err := l.hooks.subs.Purge(ctx, id); err != nil {
		return err
	}
	return l.hooks.windows.Purge(ctx, id)
}

// LoadCursors implements cloudsvc.HookStore.
func (l *Log) LoadCursors(ctx context.Context) (map[int][]byte, error) {
	all, err := loadBucket(ctx, l.hooks.cursors)
	if err != nil {
		return nil, err
	}
	records := make(map[int][]byte, len(all))
	for key, record := range all {
		if partition, err := strconv.Atoi(key); err == nil { // no other key is ours
			records[partition] = record
		}
	}
	return records, nil
}

// SaveCursors implements cloudsvc.HookStore.
func (l *Log) SaveCursors(ctx context.Context, partition int, record []byte) error {
	_, err := l.hooks.cursors.Put(ctx, strconv.Itoa(partition), record)
	return err
}

// LoadWindows implements cloudsvc.HookStore.
func (l *Log) LoadWindows(ctx context.Context) (map[string][]byte, error) {
	return loadBucket(ctx, l.hooks.windows)
}

// SaveWindows implements cloudsvc.HookStore.
func (l *Log) SaveWindows(ctx context.Context, id string, record []byte) error {
	_, err := l.hooks.windows.Put(ctx, id, record)
	return err
}
