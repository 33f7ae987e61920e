package uplink

import "datastub/dataplane"

// A Queue holds the records of one lane, oldest first, until they are durable
// in the cloud. It may be filled from other goroutines meanwhile. None of its
// methods blocks.
type Queue interface {
	// Spool returns the id of the spool that the lane is of. It changes at most
	// once, when a disk turns up after the start: what was said in its name before
	// has then to be said anew.
	Spool() dataplane.SpoolID
	// Held tells what is still there of each epoch, rising, whether the cloud has
	// it or not; the epoch that records are now accepted under is always the last.
	// Of those before it there is the end, too, where nothing is there any more:
	// a cloud that was put back to an older state gets a gap for it.
	Held() []dataplane.EpochRange
	// Next returns what comes behind a mark: a batch of at most maxCount records
	// and about maxBytes, or the gap that is there instead, or neither. Neither,
	// though something is waiting, means that it is being fetched: the owner of
	// the Sender is told when it is there, and asks again. A batch is of one
	// epoch. It is not changed afterwards by either side.
	Next(after dataplane.Mark, maxCount, maxBytes int) (*dataplane.Batch, *dataplane.Gap)
	// Ended tells how an epoch ended that is not the last: with which record, and,
	// where that is not certain, why not.
	Ended(epoch uint64) (last uint64, unsure string)
	// Emptied returns the first epoch behind one that ended without any record
	// that is known of, and may have had some; 0 if there is none.
	Emptied(after uint64) (epoch uint64)
	// Waiting tells whether anything is held behind a mark, and whether that is
	// at least count records or about as many bytes.
	Waiting(after dataplane.Mark, count, bytes int) (some, enough bool)
	// Release forgets all up to a mark.
	Release(durable dataplane.Mark)
	// Left returns how many records are held that the cloud is not known to have:
	// it released all that it has made durable, and has stored up to a mark.
	Left(stored dataplane.Mark) int
	// Rebase moves all that is to be sent, and what will be accepted, to an epoch
	// above the given one, which another spool of the publisher has used, and
	// forgets what the cloud once had. It tells whether that changed anything: not
	// where all is above already.
	Rebase(above uint64) (moved bool)
}
