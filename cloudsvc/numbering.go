package cloudsvc

import (
	"crypto/rand"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"datastub/dataplane"
)

// seriesPerEpoch is how much later a series' sequences begin in each epoch. It
// makes them microseconds, as epochs are milliseconds.
const seriesPerEpoch = 1000

// numbering gives ids and sequences to what a publisher without a spool
// publishes, as a spool does at the edge.
//
// No sequence of a series is above seriesPerEpoch times the epoch plus the
// messages of the epoch so far. So a series that is not known begins there,
// and an epoch may follow another as soon as it is above that: nothing but the
// marks is needed to go on after a restart, whatever the clock says.
type numbering struct {
	publisher string // <node>/<name>
	node      string
	spool     dataplane.SpoolID
	epoch     uint64
	// maxSeries is how many series counters are kept of. When there are more
	// they are all begun anew, higher than any was: sequences of a series rise,
	// but for once they skip some.
	maxSeries int

	mu     sync.Mutex // held from the numbering to the queue: their order is the same
	seqs   map[dataplane.Class]uint64
	series map[seriesName]uint64
	ended  bool // nothing more is to be numbered
}

type seriesName struct{ namespace, topic, device string }

// newNumbering begins an epoch behind what is stored of the publisher.
func newNumbering(publisher string, maxSeries int, stored []dataplane.Mark, now time.Time) (*numbering, error) {
	node, _, _ := strings.Cut(publisher, "/")
	n := &numbering{
		publisher: publisher,
		node:      node,
		epoch:     max(nextEpoch(stored), uint64(max(now.UnixMilli(), 1))),
		maxSeries: maxSeries,
		seqs:      make(map[dataplane.Class]uint64),
		series:    make(map[seriesName]uint64),
	}
	if _, err := rand.Read(n.spool[:]); err != nil {
		return nil, fmt.Errorf("make a spool id: %w", err)
	}
	return n, nil
}

// nextEpoch returns the least epoch that is free, from the marks of a
// publisher's lanes.
func nextEpoch(stored []dataplane.Mark) uint64 {
	var last, messages uint64
	for _, m := range stored {
		if m.Epoch > last {
			last, messages = m.Epoch, 0
		}
		if m.Epoch == last {
			messages += m.Seq
		}
	}
	return last + 1 + messages/seriesPerEpoch
}

// numbered are messages that have their place, which nobody knows yet.
type numbered struct {
	batches map[dataplane.Class]*dataplane.Batch
	ids     []dataplane.ID // in the order of the messages
	seqs    map[dataplane.Class]uint64
	series  map[seriesName]uint64
}

// number gives messages their place. It is given again if they are not
// committed. n.mu is held.
func (n *numbering) number(messages []dataplane.Message) *numbered {
	given := &numbered{
		batches: make(map[dataplane.Class]*dataplane.Batch),
		ids:     make([]dataplane.ID, len(messages)),
		seqs:    maps.Clone(n.seqs),
		series:  make(map[seriesName]uint64),
	}
	for i := range messages {
		m := &messages[i]
		given.seqs[m.Class]++
		m.ID = dataplane.ID{Publisher: n.publisher, Class: m.Class, Epoch: n.epoch, Seq: given.seqs[m.Class]}
		m.Node = n.node
		m.Seq = n.nextSeq(given, m)
		given.ids[i] = m.ID
		given.batch(m).Messages = append(given.batch(m).Messages, *m)
	}
	return given
}

// batch returns the batch that a message is to go into.
func (given *numbered) batch(m *dataplane.Message) *dataplane.Batch {
	b := given.batches[m.Class]
	if b == nil {
		b = &dataplane.Batch{Publisher: m.ID.Publisher, Class: m.Class, Epoch: m.ID.Epoch, First: m.ID.Seq}
		given.batches[m.Class] = b
	}
	return b
}

func (n *numbering) nextSeq(given *numbered, m *dataplane.Message) uint64 {
	name := seriesName{m.Namespace, m.Topic, m.Device}
	seq, known := given.series[name]
	if !known {
		seq, known = n.series[name]
	}
	if known {
		seq++
	} else {
		seq = n.epoch*seriesPerEpoch + given.seqs[dataplane.RT] + given.seqs[dataplane.BT]
	}
	given.series[name] = seq
	return seq
}

// end ends the numbering if all that it numbered is stored, and tells whether
// it did; if not it forgets the series only, which begin anew, higher than any
// was. It never blocks: one that is in use goes on.
func (n *numbering) end(stored *marks) bool {
	if !n.mu.TryLock() {
		return false
	}
	defer n.mu.Unlock()
	n.series = make(map[seriesName]uint64)
	for class, seq := range n.seqs {
		if stored.lanes[laneKey{n.publisher, class}].mark != (dataplane.Mark{Epoch: n.epoch, Seq: seq}) {
			return false
		}
	}
	n.ended = true
	return true
}

// commit makes the numbers given ones. n.mu is held.
func (n *numbering) commit(given *numbered) {
	n.seqs = given.seqs
	if len(n.series)+len(given.series) > n.maxSeries {
		clear(n.series)
	}
	maps.Copy(n.series, given.series)
}
