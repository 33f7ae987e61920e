package uplink

import "datastub/dataplane"

// Accepted is a run of records that was taken in and is to be stored. Its
// place in the log is after all that was accepted before it on its lane.
type Accepted struct {
	Publisher   string
	Spool       dataplane.SpoolID
	Lane        dataplane.Class
	Epoch       uint64
	First, Last uint64              // what is new: the frame may begin before First
	Frame       []byte              // as the edge packed it
	Messages    []dataplane.Message // First to Last; none for a Gap
	Gap         *dataplane.Gap      // exactly First to Last
	Weight      uint64              // about what all this takes in memory, in bytes
}

// What a message and a gap's series take in memory without their texts, about,
// in bytes.
const (
	messageWeight = 256
	seriesWeight  = 128
)

// Mark returns the mark of the last record.
func (a *Accepted) Mark() dataplane.Mark { return dataplane.Mark{Epoch: a.Epoch, Seq: a.Last} }
