package uplink

import "datastub/dataplane"

// A Queue holds the records of one lane, oldest first, until they are durable
// in the cloud. It may be filled from other goroutines meanwhile. None of its
// methods blocks.
type Queue interface {
	// Held tells what is held of each epoch, rising; the epoch that records are
	// now accepted under is always the last, even when it is empty.
	Held() []dataplane.EpochRange
	// Next returns what comes behind a mark: a batch of at most maxCount records
	// and about maxBytes, or the gap that is there instead, or neither. Neither,
	// though something is waiting, means that it is being fetched: the owner of
	// the Sender is told when it is there, and asks again. A batch is of one
	// epoch. It is not changed afterwards by either side.
	Next(after dataplane.Mark, maxCount, maxBytes int) (*dataplane.Batch, *dataplane.Gap)
	// Ended tells how an epoch ended that is not the last: with which record, and
	// whether that is certain.
	Ended(epoch uint64) (last uint64, exact bool)
	// Waiting tells whether anything is held behind a mark, and whether that is
	// at least count records or about as many bytes.
	Waiting(after dataplane.Mark, count, bytes int) (some, enough bool)
	// Release forgets all up to a mark.
	Release(durable dataplane.Mark)
	// Rebase moves all that is held, and what will be accepted, to an epoch
	// above the given one, which another spool of the publisher has used. It
	// does nothing if the epoch is above already.
	Rebase(above uint64)
}
