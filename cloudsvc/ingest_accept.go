package cloudsvc

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"golang.org/x/sync/semaphore"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// ErrBusy says that too much is waiting for the log to take more.
var ErrBusy = errors.New("the log is not keeping up")

// ErrTooLarge says that messages are too many or too large to be stored
// together.
var ErrTooLarge = errors.New("too large to be stored as one")

// numberedNodes are the nodes of publishers that cloudsvc itself numbers, and
// what they are for: no mapper may come by the uplink under their names.
var numberedNodes = map[string]string{
	httpNode:     "what is published over HTTP",
	producerNode: "producers that cloudsvc reads",
	eventNode:    "what cloudsvc itself tells",
}

// isNumbered tells whether cloudsvc itself numbers what a publisher publishes.
func isNumbered(publisher string) bool {
	node, _, _ := strings.Cut(publisher, "/")
	return numberedNodes[node] != ""
}

// numbering returns the numbering of a publisher, a new one behind what is
// stored if there is none.
func (i *Ingest) numbering(publisher string, maxSeries int) (*numbering, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if n := i.numberings[publisher]; n != nil {
		return n, nil
	}
	if err := dataplane.ValidatePublisher(publisher); err != nil {
		return nil, err
	}
	var stored []dataplane.Mark
	for _, c := range dataplane.Classes {
		stored = append(stored, i.marks.lanes[laneKey{publisher, c}].mark)
	}
	n, err := newNumbering(publisher, maxSeries, stored, i.options.Now())
	if err == nil {
		i.numberings[publisher] = n
	}
	return n, err
}

// lockNumbering returns the numbering of a publisher, with its lock held.
func (i *Ingest) lockNumbering(publisher string, maxSeries int) (*numbering, error) {
	for {
		n, err := i.numbering(publisher, maxSeries)
		if err != nil {
			return nil, err
		}
		n.mu.Lock()
		if !n.ended {
			return n, nil
		}
		n.mu.Unlock() // it has just been forgotten: another takes its place
	}
}

// forgetNumberings ends the numberings of publishers that do not stay, those
// of which all is stored. If such a publisher comes back, the marks are enough
// to go on behind it. The others are to be asked for again.
func (i *Ingest) forgetNumberings(stays func(publisher string) bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	maps.DeleteFunc(i.numberings, func(publisher string, n *numbering) bool {
		return !stays(publisher) && n.end(i.marks)
	})
}

// weigh returns about how many bytes of memory messages take.
func weigh(messages []dataplane.Message) (bytes int64) {
	for i := range messages {
		bytes += int64(messages[i].Size())
	}
	return bytes
}

// accept numbers, packs and queues messages of a publisher, all or none. What they weigh was
// acquired of room, and is released as they are stored; after an error it is
// still the caller's to release. The channels are closed when all is stored.
func (i *Ingest) accept(publisher string, maxSeries int, room *semaphore.Weighted, key *RequestKey, messages []dataplane.Message) ([]dataplane.ID, []<-chan struct{}, error) {
	n, err := i.lockNumbering(publisher, maxSeries)
	if err != nil {
		return nil, nil, err
	}
	defer n.mu.Unlock()
	given := n.number(messages)
	frames, err := i.pack(given.batches)
	if err != nil {
		return nil, nil, err
	}
	n.commit(given)
	var waits []<-chan struct{}
	for class, batch := range given.batches {
		stored := make(chan struct{})
		waits = append(waits, stored)
		i.options.Metrics.received(class, len(batch.Messages), len(frames[class]))
		size := weigh(batch.Messages)
		i.writers[class].add(entry{
			key:    key,
			stored: func() { room.Release(size); i.land(key); close(stored) },
			Accepted: &uplink.Accepted{
				Publisher: n.publisher, Spool: n.spool, Lane: class, Epoch: n.epoch,
				First: batch.First, Last: batch.Last(), Frame: frames[class], Messages: batch.Messages,
				Weight: uint64(size) + messageRoom*uint64(len(batch.Messages)) + uint64(len(frames[class])),
			},
		})
	}
	return given.ids, waits, nil
}

// pack returns batches as the frames that a block takes.
func (i *Ingest) pack(batches map[dataplane.Class]*dataplane.Batch) (map[dataplane.Class][]byte, error) {
	frames := make(map[dataplane.Class][]byte)
	for class, batch := range batches {
		data, err := i.packer.Pack(batch)
		if err != nil { // a batch that is not empty may only be too large
			return nil, fmt.Errorf("%w: %w", ErrTooLarge, err)
		}
		frame := dataplane.AppendFrame(nil, data)
		if len(frame) > i.options.MaxFrame {
			return nil, fmt.Errorf("%w: %d bytes packed, the log takes %d at once", ErrTooLarge, len(frame), i.options.MaxFrame)
		}
		frames[class] = frame
	}
	return frames, nil
}
