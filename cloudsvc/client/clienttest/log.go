package clienttest

import (
	"context"
	"errors"
	"time"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

// emptyLog is a log that keeps nothing.
type emptyLog struct{}

var _ cloudsvc.Log = emptyLog{}

func (emptyLog) Append(context.Context, dataplane.Class, uint32, []byte) (uint64, error) {
	return 0, errors.New("this log keeps nothing")
}

func (emptyLog) Replay(context.Context, dataplane.Class, uint64, cloudsvc.Visit) error { return nil }

func (emptyLog) Before(context.Context, dataplane.Class, time.Time) (uint64, error) { return 0, nil }

func (emptyLog) Ends(context.Context, dataplane.Class) (first, last uint64, err error) {
	return 1, 0, nil
}
