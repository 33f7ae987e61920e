package uplink

import "datastub/dataplane"

// Accepted is a run of records, or the end of an epoch, that was taken in and is
// to be stored. Its place in the log is after all that was accepted before it on
// its lane.
type Accepted struct {
	Publisher   string
	Spool       dataplane.SpoolID
	Lane        dataplane.Class
	Epoch       uint64
	First, Last uint64              // what is new: the frame may begin before First; of an End, First is Last+1
	Frame       []byte              // as the edge packed it
	Messages    []dataplane.Message // First to Last; none for a Gap
	Gap         *dataplane.Gap      // exactly First to Last
	End         *dataplane.EpochEnd // the epoch ended with Last, which may be 0
	Weight      uint64              // about what all this takes in memory, in bytes
}

// What a message and a gap's series take in memory without their texts, about,
// in bytes.
const (
	messageWeight = 256
	seriesWeight  = 128
)

// Mark returns the mark of the last record; of the End of an epoch, where it
// ended.
func (a *Accepted) Mark() dataplane.Mark { return dataplane.Mark{Epoch: a.Epoch, Seq: a.Last} }
