package natslog

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// erasBucket holds the record of eras, at erasKey. It has files of its own: what
// spoils the marks, which are written all the time, leaves it.
const (
	erasBucket = "eras"
	erasKey    = "0"
)

// LoadEras implements cloudsvc.EraStore.
func (l *Log) LoadEras(ctx context.Context) ([]byte, error) {
	entry, err := l.eras.Get(ctx, erasKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load the eras: %w", err)
	}
	return entry.Value(), nil
}

// SaveEras implements cloudsvc.EraStore. The embedded server has the record on
// disk then, however often it syncs, and the streams that it has just made: of an
// era that a loss of power took, blocks may be there, and would pass for those of
// the one before it.
func (l *Log) SaveEras(ctx context.Context, record []byte) error {
	_, err := l.eras.Put(ctx, erasKey, record)
	if err == nil && l.server != nil {
		err = l.server.syncStore()
	}
	if err != nil {
		return fmt.Errorf("save %d bytes of eras: %w", len(record), err)
	}
	return nil
}
