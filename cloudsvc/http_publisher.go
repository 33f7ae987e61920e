package cloudsvc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// ErrBusy says that too much is waiting for the log to take more.
var ErrBusy = errors.New("the log is not keeping up")

// httpNode is the node of what is published over HTTP.
const httpNode = "http"

// maxHTTPSeries is how many series one publisher's counters are kept of. When
// there are more they are all begun anew, higher than any was: sequences of a
// series rise, but for once they skip some.
const maxHTTPSeries = 100_000

// httpPublisher numbers what one identity publishes over HTTP, as a spool
// does at the edge.
type httpPublisher struct {
	name   string
	spool  dataplane.SpoolID
	epoch  uint64
	seqs   map[dataplane.Class]uint64
	series map[httpSeries]uint64
	base   uint64 // the sequence before a new series' first
}

type httpSeries struct{ namespace, topic, device string }

// newHTTPPublisher begins an epoch that is above the last one stored, and
// else the clock's.
func newHTTPPublisher(name string, last uint64, now time.Time) (*httpPublisher, error) {
	p := &httpPublisher{
		name:   name,
		epoch:  max(uint64(now.UnixMilli()), last+1),
		seqs:   make(map[dataplane.Class]uint64),
		series: make(map[httpSeries]uint64),
		base:   uint64(now.UnixMicro()),
	}
	if _, err := rand.Read(p.spool[:]); err != nil {
		return nil, fmt.Errorf("make a spool id: %w", err)
	}
	return p, nil
}

// number gives messages their place, and returns them by class as they are to
// be packed, and their ids in the order given.
func (p *httpPublisher) number(messages []dataplane.Message, now time.Time) (map[dataplane.Class]*dataplane.Batch, []dataplane.ID) {
	batches := make(map[dataplane.Class]*dataplane.Batch)
	ids := make([]dataplane.ID, len(messages))
	for i := range messages {
		m := &messages[i]
		p.seqs[m.Class]++
		m.ID = dataplane.ID{Publisher: p.name, Class: m.Class, Epoch: p.epoch, Seq: p.seqs[m.Class]}
		m.Node = httpNode
		m.Seq = p.nextSeq(m, now)
		ids[i] = m.ID
		b := batches[m.Class]
		if b == nil {
			b = &dataplane.Batch{Publisher: p.name, Class: m.Class, Epoch: p.epoch, First: m.ID.Seq}
			batches[m.Class] = b
		}
		b.Messages = append(b.Messages, *m)
	}
	return batches, ids
}

func (p *httpPublisher) nextSeq(m *dataplane.Message, now time.Time) uint64 {
	key := httpSeries{m.Namespace, m.Topic, m.Device}
	if _, known := p.series[key]; !known && len(p.series) >= maxHTTPSeries {
		clear(p.series)
		p.base = max(p.base+1, uint64(now.UnixMicro()))
	}
	seq := max(p.series[key], p.base) + 1
	p.series[key] = seq
	return seq
}

// Publish stores what was published over HTTP: see the interface Publisher.
func (i *Ingest) Publish(ctx context.Context, identity Identity, messages []dataplane.Message) ([]dataplane.ID, error) {
	if err := i.Ready(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	ids, waits, err := i.accept(httpNode+"/"+string(identity), messages)
	if err != nil {
		return nil, err
	}
	for _, stored := range waits {
		select {
		case <-stored:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return ids, nil
}

// accept numbers, packs and queues messages, all or none.
func (i *Ingest) accept(name string, messages []dataplane.Message) (ids []dataplane.ID, waits []chan struct{}, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	p, err := i.httpPublisher(name)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	batches, ids := p.number(messages, now)
	frames := make(map[dataplane.Class]*dataplane.Data)
	for class, batch := range batches {
		if frames[class], err = i.packer.Pack(batch); err != nil {
			return nil, nil, err
		}
	}
	for class, batch := range batches {
		frame := dataplane.AppendFrame(nil, frames[class])
		stored := make(chan struct{})
		waits = append(waits, stored)
		// The queue's order is the sequences' order: both are taken under mu.
		i.writers[class].add(entry{stored: stored, Accepted: &uplink.Accepted{
			Publisher: name, Spool: p.spool, Lane: class, Epoch: p.epoch,
			First: batch.First, Last: batch.Last(), Frame: frame, Messages: batch.Messages,
		}})
		i.Metrics.received(class, len(batch.Messages), len(frame))
	}
	i.Registry.Seen(name, "http")
	return ids, waits, nil
}

// httpPublisher returns the publisher of a name.
func (i *Ingest) httpPublisher(name string) (*httpPublisher, error) {
	if p := i.http[name]; p != nil {
		return p, nil
	}
	var last uint64
	for _, c := range dataplane.Classes {
		last = max(last, i.marks.lanes[laneKey{name, c}].mark.Epoch)
	}
	p, err := newHTTPPublisher(name, last, time.Now())
	if err == nil {
		i.http[name] = p
	}
	return p, err
}
