package cloudsvc

import (
	"context"
	"errors"
	"time"

	"datastub/dataplane"
)

var (
	// ErrFenced says that somebody else wrote to the log: this process is no
	// longer its owner.
	ErrFenced = errors.New("another cloudsvc writes to this log")
	// ErrTruncated says that a log ends before a block that it once had.
	ErrTruncated = errors.New("the log has lost its end")
)

// isLost tells whether a process does not know any more what is in the log: it
// must not go on, but begin anew from the log.
func isLost(err error) bool { return errors.Is(err, ErrFenced) || errors.Is(err, ErrTruncated) }

// A Log keeps blocks, one sequence of them a class.
type Log interface {
	// Append stores a block on a shelf, behind all others of its class, and
	// returns its sequence once the log has answered, or an error in bounded time. After an
	// error the block may be stored or not, and Append is called with the same
	// block again, which stores it once; no other comes before that. It wraps
	// ErrFenced or ErrTruncated, and stores nothing, if the log ends behind or
	// before what was appended last. Only calls for different classes are
	// concurrent.
	Append(ctx context.Context, class dataplane.Class, shelf uint32, block []byte) (seq uint64, err error)

	// Replay calls visit for each block of a class behind a sequence, in order,
	// up to the last one that is there when it is called, with the time at which
	// it was stored. Blocks that the log has let go by its limits, or by those of
	// their shelves, are passed over; visit's error ends the replay. It wraps ErrTruncated, and visits
	// nothing, if the log ends before the sequence.
	Replay(ctx context.Context, class dataplane.Class, after uint64, visit Visit) error

	// Before returns the sequence of the last block of a class that was stored
	// before a time. It is 0 where none of those that are there was.
	Before(ctx context.Context, class dataplane.Class, at time.Time) (seq uint64, err error)

	// Ends returns the sequences of the first and the last block of a class. The
	// last is 0 if there never was one. Where none is there, as limits may have
	// taken even the last, the first is the one behind it.
	Ends(ctx context.Context, class dataplane.Class) (first, last uint64, err error)
}

// Visit gets one block of a replay. The block is its for the time of the call.
type Visit func(seq uint64, stored time.Time, block []byte) error

// A MarkStore keeps one snapshot of Marks, so that a start need not replay
// the whole log. A snapshot of 100,000 lanes has 5 MB.
type MarkStore interface {
	// LoadMarks returns the last snapshot saved, or nil. If a save was broken
	// off it may return anything: the snapshot tells whether it is whole.
	LoadMarks(ctx context.Context) ([]byte, error)
	// SaveMarks replaces the snapshot. Calls are not concurrent.
	SaveMarks(ctx context.Context, snapshot []byte) error
}

// An EraStore keeps one record of eras, which the log does not tell: without it
// the positions of all subscribers are those of another log. So it is kept apart
// from marks, and written only when a cloudsvc begins.
type EraStore interface {
	// LoadEras returns the record saved last, or nil.
	LoadEras(ctx context.Context) ([]byte, error)
	// SaveEras replaces the record, which is as durable as a block then. If it is
	// broken off, the last one stays.
	SaveEras(ctx context.Context, record []byte) error
}
