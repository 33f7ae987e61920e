package cloudsvc

import (
	"context"
	"errors"

	"datastub/dataplane"
)

// ErrFenced says that somebody else wrote to the log: this process is no
// longer its owner and must not go on.
var ErrFenced = errors.New("another cloudsvc writes to this log")

// A Log keeps blocks, one sequence of them a class.
type Log interface {
	// Append stores a block behind all others of its class, and returns its
	// sequence once the log has answered. Appending the same block again after
	// an error stores it once. It wraps ErrFenced if the log has another owner.
	// Calls for different classes may be concurrent.
	Append(ctx context.Context, class dataplane.Class, block []byte) (seq uint64, err error)

	// Replay calls visit for each block of a class behind a sequence, in order,
	// up to the last one that is there when it is called. The block is visit's
	// for the time of the call; visit's error ends the replay.
	Replay(ctx context.Context, class dataplane.Class, after uint64, visit func(seq uint64, block []byte) error) error
}

// A MarkStore keeps one snapshot of Marks, so that a start need not replay
// the whole log.
type MarkStore interface {
	// LoadMarks returns the last snapshot saved, or nil.
	LoadMarks(ctx context.Context) ([]byte, error)
	SaveMarks(ctx context.Context, snapshot []byte) error
}
