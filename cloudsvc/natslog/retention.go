package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"datastub/dataplane"
)

// Doomed implements cloudsvc.Retention. What a stream's own limits are about to
// take is on any shelf.
func (l *Log) Doomed(ctx context.Context, class dataplane.Class, share float64) (map[uint32]uint64, error) {
	info, err := l.readers[class].stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("find how full the stream %v is: %w", class, err)
	}
	all := crowded(&info.State, info.Config.MaxBytes, share)
	if age := info.Config.MaxAge; age > 0 {
		old, err := l.Before(ctx, class, time.Now().Add(-time.Duration(share*float64(age))))
		if err != nil {
			return nil, err
		}
		all = max(all, old)
	}
	doomed := make(map[uint32]uint64)
	for _, s := range l.shelves {
		last := max(all, l.trimmers[class].beyond(l.classes[class].subject(s.ID), time.Now(), share))
		if last >= info.State.FirstSeq { // else it is gone
			doomed[s.ID] = last
		}
	}
	return doomed, nil
}

// crowded returns the block behind which a stream has no more than a share of the
// bytes that it may have, 0 where it has no more in all. Blocks count as if they
// were of one size.
func crowded(state *jetstream.StreamState, maxBytes int64, share float64) uint64 {
	room := share * float64(maxBytes)
	if maxBytes <= 0 || state.Msgs == 0 || float64(state.Bytes) <= room {
		return 0
	}
	blocks := float64(state.LastSeq - state.FirstSeq + 1)
	return state.LastSeq - uint64(blocks*room/float64(state.Bytes))
}

// Stored implements cloudsvc.Retention.
func (l *Log) Stored(ctx context.Context, class dataplane.Class, seq uint64) (time.Time, error) {
	r := l.readers[class]
	msg, err := r.stream.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		msg, err = r.stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(">"))
	}
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, fmt.Errorf("find when block %d of the stream %v was stored: %w", seq, class, err)
	}
	return msg.Time, nil
}
