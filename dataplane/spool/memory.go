package spool

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// MemoryOptions describe a Memory.
type MemoryOptions struct {
	Publisher string // <node>/<mapper>
	MaxBytes  int64  // of both lanes together, as they stand in memory
	// Now is when the publisher starts. Epochs and the sequences of series
	// begin with it, as there is nothing on disk to go on from: they rise from
	// one start to the next as long as the clock does. Where it does not,
	// cloudsvc asks for a higher epoch (see uplink.Queue's Rebase), so that no
	// record is taken for another; sequences of series may then repeat.
	Now time.Time
}

// Memory is a spool in bounded memory. When it is full, the oldest BT records
// are dropped, then the oldest RT records; each drop is counted and becomes a
// gap. It is safe for concurrent use.
type Memory struct {
	publisher string
	node      string
	id        dataplane.SpoolID
	maxBytes  int64

	mu     sync.Mutex
	bytes  int64
	lanes  map[dataplane.Class]*lane
	series map[seriesKey]uint64 // the last sequence given
	base   uint64               // the sequence before a new series' first
}

// NewMemory returns an empty spool with a new id.
func NewMemory(o MemoryOptions) (*Memory, error) {
	if err := dataplane.ValidatePublisher(o.Publisher); err != nil {
		return nil, err
	}
	if o.MaxBytes <= 0 {
		return nil, fmt.Errorf("spool of %d bytes: want more than 0", o.MaxBytes)
	}
	m := &Memory{
		publisher: o.Publisher,
		maxBytes:  o.MaxBytes,
		lanes:     make(map[dataplane.Class]*lane),
		series:    make(map[seriesKey]uint64),
		base:      uint64(max(o.Now.UnixMicro(), 0)), // below 2^53: exact in every JSON reader
	}
	m.node, _, _ = strings.Cut(o.Publisher, "/")
	if _, err := rand.Read(m.id[:]); err != nil {
		return nil, fmt.Errorf("make a spool id: %w", err)
	}
	epoch := uint64(max(o.Now.UnixMilli(), 1)) // a device without a clock may start in 1970; 0 is no epoch
	for _, c := range dataplane.Classes {
		m.lanes[c] = &lane{spool: m, class: c, epoch: epoch, first: 1}
	}
	return m, nil
}

// ID returns the spool's id.
func (m *Memory) ID() dataplane.SpoolID { return m.id }

// MaxBytes returns how much memory both lanes together may take.
func (m *Memory) MaxBytes() int64 { return m.maxBytes }

// Lane returns one lane's queue.
func (m *Memory) Lane(c dataplane.Class) uplink.Queue { return m.lanes[c] }

// Append accepts messages, all or none: it gives each its ID, Node and Seq,
// in place, and keeps it. The slice is the caller's again afterwards.
func (m *Memory) Append(messages []dataplane.Message) error {
	for i := range messages {
		if err := validate(&messages[i]); err != nil {
			return fmt.Errorf("message %d of %d (%s): %w", i+1, len(messages), messages[i].Address(), err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range messages {
		msg := &messages[i]
		l := m.lanes[msg.Class]
		msg.Node = m.node
		msg.ID = dataplane.ID{Publisher: m.publisher, Class: msg.Class, Epoch: l.epoch, Seq: l.next()}
		msg.Seq = m.nextSeq(msg)
		l.push(msg)
	}
	m.shrink()
	return nil
}

// validate lets DataStub's own events pass as what they are below $events.
func validate(msg *dataplane.Message) error {
	if rest, event := strings.CutPrefix(msg.Topic, dataplane.EventTopic+"/"); event {
		plain := *msg
		plain.Topic = rest
		return plain.Validate()
	}
	return msg.Validate()
}

func (m *Memory) nextSeq(msg *dataplane.Message) uint64 {
	key := seriesKey{msg.Namespace, msg.Topic, msg.Device}
	seq, known := m.series[key]
	if !known {
		seq = m.base
	}
	seq++
	m.series[key] = seq
	return seq
}

// shrink drops the oldest records until the spool fits its bound.
func (m *Memory) shrink() {
	for _, c := range [...]dataplane.Class{dataplane.BT, dataplane.RT} {
		l := m.lanes[c]
		for m.bytes > m.maxBytes && l.records.len() > 0 {
			l.drop()
		}
	}
}

// Stats are counts of one lane since the start.
type Stats struct {
	Accepted Amount // records taken in
	Dropped  Amount // of these, dropped because the spool was full, in the cloud or not
	Held     Amount // of these, not yet durable in the cloud
}

// An Amount is so many records, and the bytes that they take in memory.
type Amount struct{ Records, Bytes uint64 }

func (a *Amount) add(b Amount) {
	a.Records += b.Records
	a.Bytes += b.Bytes
}

func (a *Amount) sub(b Amount) {
	a.Records -= b.Records
	a.Bytes -= b.Bytes
}

// Stats returns a lane's counts.
func (m *Memory) Stats(c dataplane.Class) Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.lanes[c]
	return Stats{Accepted: l.accepted, Dropped: l.dropped, Held: l.held}
}
