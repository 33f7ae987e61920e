package cloudsvc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// ErrBusy says that too much is waiting for the log to take more.
var ErrBusy = errors.New("the log is not keeping up")

// ErrTooLarge says that messages are too many or too large to be stored
// together.
var ErrTooLarge = errors.New("too large to be stored as one")

// httpNode is the node of what is published over HTTP.
const httpNode = "http"

// httpBudget is how many bytes of frames may be published over HTTP and not
// stored. What comes when it is spent is refused with ErrBusy, and counted.
const httpBudget = 32 << 20

// maxHTTPSeries is how many series one publisher's counters are kept of. When
// there are more they are all begun anew, higher than any was: sequences of a
// series rise, but for once they skip some.
const maxHTTPSeries = 100_000

// seriesPerEpoch is how much later a series' sequences begin in each epoch. It
// makes them microseconds, as epochs are milliseconds.
const seriesPerEpoch = 1000

// httpPublisher numbers what one identity publishes over HTTP, as a spool
// does at the edge.
//
// No sequence of a series is above seriesPerEpoch times the epoch plus the
// messages of the epoch so far. So a series that is not known begins there,
// and an epoch may follow another as soon as it is above that: nothing but the
// marks is needed to go on after a restart, whatever the clock says.
type httpPublisher struct {
	name  string
	spool dataplane.SpoolID
	epoch uint64

	mu     sync.Mutex // held from the numbering to the queue: their order is the same
	seqs   map[dataplane.Class]uint64
	series map[httpSeries]uint64
}

type httpSeries struct{ namespace, topic, device string }

// newHTTPPublisher begins an epoch behind what is stored of the publisher.
func newHTTPPublisher(name string, stored []dataplane.Mark, now time.Time) (*httpPublisher, error) {
	p := &httpPublisher{
		name:   name,
		epoch:  max(nextHTTPEpoch(stored), uint64(max(now.UnixMilli(), 1))),
		seqs:   make(map[dataplane.Class]uint64),
		series: make(map[httpSeries]uint64),
	}
	if _, err := rand.Read(p.spool[:]); err != nil {
		return nil, fmt.Errorf("make a spool id: %w", err)
	}
	return p, nil
}

// nextHTTPEpoch returns the least epoch that is free, from the marks of a
// publisher's lanes.
func nextHTTPEpoch(stored []dataplane.Mark) uint64 {
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
	series  map[httpSeries]uint64
}

// number gives messages their place. It is given again if they are not
// committed. p.mu is held.
func (p *httpPublisher) number(messages []dataplane.Message) *numbered {
	n := &numbered{
		batches: make(map[dataplane.Class]*dataplane.Batch),
		ids:     make([]dataplane.ID, len(messages)),
		seqs:    maps.Clone(p.seqs),
		series:  make(map[httpSeries]uint64),
	}
	for i := range messages {
		m := &messages[i]
		n.seqs[m.Class]++
		m.ID = dataplane.ID{Publisher: p.name, Class: m.Class, Epoch: p.epoch, Seq: n.seqs[m.Class]}
		m.Node = httpNode
		m.Seq = p.nextSeq(n, m)
		n.ids[i] = m.ID
		n.batch(m).Messages = append(n.batch(m).Messages, *m)
	}
	return n
}

// batch returns the batch that a message is to go into.
func (n *numbered) batch(m *dataplane.Message) *dataplane.Batch {
	b := n.batches[m.Class]
	if b == nil {
		b = &dataplane.Batch{Publisher: m.ID.Publisher, Class: m.Class, Epoch: m.ID.Epoch, First: m.ID.Seq}
		n.batches[m.Class] = b
	}
	return b
}

func (p *httpPublisher) nextSeq(n *numbered, m *dataplane.Message) uint64 {
	key := httpSeries{m.Namespace, m.Topic, m.Device}
	seq, known := n.series[key]
	if !known {
		seq, known = p.series[key]
	}
	if known {
		seq++
	} else {
		seq = p.epoch*seriesPerEpoch + n.seqs[dataplane.RT] + n.seqs[dataplane.BT]
	}
	n.series[key] = seq
	return seq
}

// commit makes the numbers given ones. p.mu is held.
func (p *httpPublisher) commit(n *numbered) {
	p.seqs = n.seqs
	if len(p.series)+len(n.series) > maxHTTPSeries {
		clear(p.series)
	}
	maps.Copy(p.series, n.series)
}

// Publish stores what was published over HTTP: see the interface Publisher.
// Messages of both classes go into two blocks, so that a crash may keep one
// without the other; the publisher has no answer then.
func (i *Ingest) Publish(ctx context.Context, identity Identity, messages []dataplane.Message) ([]dataplane.ID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := i.Ready(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	p, err := i.httpPublisher(httpNode + "/" + string(identity))
	if err != nil {
		return nil, err
	}
	ids, waits, err := i.accept(p, messages)
	if err != nil {
		return nil, err
	}
	for _, stored := range waits {
		if err := i.await(ctx, stored); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// await waits until an entry is stored, or nobody will store it any more.
func (i *Ingest) await(ctx context.Context, stored <-chan struct{}) error {
	select {
	case <-stored:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-i.ended:
	}
	select {
	case <-stored: // just before the end
		return nil
	default:
		return ErrClosed
	}
}

// accept numbers, packs and queues messages, all or none.
func (i *Ingest) accept(p *httpPublisher, messages []dataplane.Message) ([]dataplane.ID, []<-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.number(messages)
	frames, err := i.pack(n.batches)
	if err != nil {
		return nil, nil, err
	}
	var size int64
	for _, frame := range frames {
		size += int64(len(frame))
	}
	if !i.httpRoom.TryAcquire(size) {
		i.options.Metrics.publishRefused.Inc()
		return nil, nil, fmt.Errorf("%w: %d bytes more than the %d that may wait", ErrBusy, size, httpBudget)
	}
	p.commit(n)
	var waits []<-chan struct{}
	for class, batch := range n.batches {
		stored := make(chan struct{})
		waits = append(waits, stored)
		i.options.Metrics.received(class, len(batch.Messages), len(frames[class]))
		i.writers[class].add(entry{stored: stored, Accepted: &uplink.Accepted{
			Publisher: p.name, Spool: p.spool, Lane: class, Epoch: p.epoch,
			First: batch.First, Last: batch.Last(), Frame: frames[class], Messages: batch.Messages,
		}})
	}
	// A registry that is full does not list the publisher; its messages pass.
	_, _ = i.options.Registry.Register(Registration{ID: p.name})
	return n.ids, waits, nil
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

// httpPublisher returns the publisher of a name.
func (i *Ingest) httpPublisher(name string) (*httpPublisher, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if p := i.http[name]; p != nil {
		return p, nil
	}
	if err := dataplane.ValidatePublisher(name); err != nil {
		return nil, err
	}
	var stored []dataplane.Mark
	for _, c := range dataplane.Classes {
		stored = append(stored, i.marks.lanes[laneKey{name, c}].mark)
	}
	p, err := newHTTPPublisher(name, stored, i.options.Now())
	if err == nil {
		i.http[name] = p
	}
	return p, err
}
