package spool

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// Options describe a Spool.
type Options struct {
	Publisher string // <node>/<mapper>
	Storage   Storage
	// Now is the clock. Epochs and the sequences of series begin with it, and
	// where there is a folder they rise even if it was set back. In memory only
	// they do not: cloudsvc then asks for a higher epoch (see uplink.Queue's
	// Rebase), so that no record is taken for another; sequences of series may
	// repeat.
	Now func() time.Time
	// Wake is called when a lane's Next has more to give though nothing was
	// appended: it was read from disk. It must not block nor call the Spool.
	// Nil: nobody wants to know.
	Wake func(dataplane.Class)
	// Changed is called when the disk has failed for a second, and when it is well again:
	// Fault tells. It must not block. Nil: nobody wants to know.
	Changed func()
	Logger  klog.Logger
}

// Spool keeps a publisher's records until they are durable in the cloud. When
// it is full, the oldest BT records are dropped, then the oldest RT records;
// each drop is counted and becomes a gap. It is safe for concurrent use.
type Spool struct {
	publisher string
	node      string
	storage   Storage
	now       func() time.Time
	wake      func(dataplane.Class)
	changed   func()
	log       klog.Logger
	boot      string // which boot of the machine this is
	folder    folder // nil: in memory only, or as long as the disk has not answered since the start
	id        dataplane.SpoolID

	mu     sync.Mutex
	bytes  int64 // of the records in memory
	lanes  map[dataplane.Class]*lane
	series map[seriesKey]uint64 // the last sequence given
	base   uint64               // the sequence before a new series' first
	peak   uint64               // the highest sequence that any series was given
	top    uint64               // the highest epoch given
	past   uint64               // the highest epoch that the folder knew
	stale  bool                 // the checkpoint knows less of what the cloud has than it should
	closed bool
	disk   diskState
}

// Open opens the spool of a folder, or an empty one in memory. An error says
// that the folder cannot be used: another process has it, or it holds another
// publisher's records. A disk that is full, cannot be read or written, or does
// not answer in time, is no error: see Fault. The spool then begins in memory,
// and takes in what the folder holds when it can (see adopter).
func Open(o Options) (*Spool, error) {
	if err := errors.Join(dataplane.ValidatePublisher(o.Publisher), o.Storage.validate()); err != nil {
		return nil, err
	}
	if o.Storage.Dir == "" {
		return newSpool(o, nil)
	}
	return open(o, func() (folder, error) { return openDisk(o.Storage.Dir) }, bootID())
}

// newSpool returns a spool that holds nothing.
func newSpool(o Options, f folder) (*Spool, error) {
	now := o.Now()
	s := &Spool{
		publisher: o.Publisher, storage: o.Storage, now: o.Now, wake: o.Wake, changed: o.Changed, log: o.Logger, folder: f,
		lanes:  make(map[dataplane.Class]*lane),
		series: make(map[seriesKey]uint64),
		base:   uint64(max(now.UnixMicro(), 0)), // below 2^53: exact in every JSON reader
		top:    uint64(max(now.UnixMilli(), 1)), // a device without a clock may start in 1970; 0 is no epoch
	}
	if s.wake == nil {
		s.wake = func(dataplane.Class) {}
	}
	if s.changed == nil {
		s.changed = func() {}
	}
	s.node, _, _ = strings.Cut(o.Publisher, "/")
	if _, err := rand.Read(s.id[:]); err != nil {
		return nil, fmt.Errorf("make a spool id: %w", err)
	}
	for _, c := range dataplane.Classes {
		s.lanes[c] = &lane{spool: s, class: c, epoch: s.top, first: 1, backlog: backlog{kick: make(chan struct{}, 1)}}
	}
	return s, nil
}

// ID returns the spool's id. It stays the same as long as the folder does.
func (s *Spool) ID() dataplane.SpoolID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

// MaxBytes returns how much both lanes together may take: of disk where there
// is a folder, else of memory.
func (s *Spool) MaxBytes() int64 { return s.storage.MaxBytes }

// OnDisk tells whether there is a folder, well or not.
func (s *Spool) OnDisk() bool { return s.storage.Dir != "" }

// Sync tells when what is in the folder survives a power loss.
func (s *Spool) Sync() Sync { return s.storage.Sync }

// Safe tells whether all that is held outlives the process.
func (s *Spool) Safe() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.folder != nil && s.disk.fault == nil
}

// Lane returns one lane's queue.
func (s *Spool) Lane(c dataplane.Class) uplink.Queue { return s.lanes[c] }

// errClosed says that a record came too late.
var errClosed = errors.New("the spool is closed")

// Append accepts messages, all or none: it gives each its ID, Node and Seq,
// in place, and keeps it. Where there is a folder it returns when they are
// written there, or, at the latest after maxBlock, are kept in memory because
// the disk fails. The slice is the caller's again afterwards.
func (s *Spool) Append(messages []dataplane.Message) error {
	for i := range messages {
		if err := validate(&messages[i]); err != nil {
			return fmt.Errorf("message %d of %d (%s): %w", i+1, len(messages), messages[i].Address(), err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	for i := range messages {
		msg := &messages[i]
		l := s.lanes[msg.Class]
		msg.Node = s.node
		msg.ID = dataplane.ID{Publisher: s.publisher, Class: msg.Class, Epoch: l.epoch, Seq: l.next()}
		msg.Seq = s.nextSeq(keyOf(msg))
		l.push(msg)
	}
	if s.folder != nil && s.disk.fault == nil {
		s.awaitWrite()
		return nil
	}
	s.acceptAll()
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

// maxSeries is how many series are remembered. When there are more, all are
// forgotten, and go on above the highest sequence that any had: they rise as
// before, with a jump.
const maxSeries = 1 << 17

func (s *Spool) nextSeq(key seriesKey) uint64 {
	seq, known := s.series[key]
	if !known {
		if len(s.series) == maxSeries {
			clear(s.series)
			s.base = s.peak
		}
		seq = s.base
	}
	seq++
	s.series[key] = seq
	s.peak = max(s.peak, seq)
	return seq
}

// acceptAll accepts what was pushed, wherever it is, and keeps to the memory
// that there is for it.
func (s *Spool) acceptAll() {
	for _, l := range s.lanes {
		l.ready = l.next() - 1
	}
	s.shrink()
}

// shrink lets go of the oldest records in memory until they fit their bound,
// BT first: they are dropped where they are nowhere else. Then it lets go of a
// little more, so that what is dropped on and on becomes a few gaps and not one
// a record.
func (s *Spool) shrink() {
	limit := s.storage.memoryBytes()
	if s.bytes <= limit {
		return
	}
	least := limit - limit/segmentsPerSpool
	for _, c := range [...]dataplane.Class{dataplane.BT, dataplane.RT} {
		for l := s.lanes[c]; l.first <= l.ready; {
			if s.bytes <= limit && s.bytes-cost(l.records.at(0)) < least {
				return
			}
			if l.first <= l.written {
				l.pop(1)
			} else {
				l.drop()
			}
		}
		if s.bytes <= limit {
			return
		}
	}
}

// Stats are counts of one lane since the start.
type Stats struct {
	Accepted Amount // records taken in
	Dropped  Amount // records dropped because the spool was full or they were too old, in the cloud or not
	Damaged  uint64 // records that could not be read back from disk
	Held     Amount // records not yet durable in the cloud
	// Last is the last record accepted: of sequence 0 where the epoch has none.
	Last dataplane.Mark
}

// An Amount is so many records, and the bytes that they take where they are
// kept: in memory, or in files.
type Amount struct{ Records, Bytes uint64 }

func (a *Amount) add(b Amount) {
	a.Records += b.Records
	a.Bytes += b.Bytes
}

// Dropped returns how many records of both lanes were dropped. It costs far less
// than Stats.
func (s *Spool) Dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n uint64
	for _, l := range s.lanes {
		n += l.dropped.Records
	}
	return n
}

// Stats returns a lane's counts.
func (s *Spool) Stats(c dataplane.Class) Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[c]
	return Stats{
		Accepted: l.accepted, Dropped: l.dropped, Damaged: l.damaged, Held: l.held(),
		Last: dataplane.Mark{Epoch: l.epoch, Seq: l.ready},
	}
}
