package cloudsvc

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"datastub/dataplane"
)

// ErrClosed is returned by what has ended.
var ErrClosed = errors.New("cloudsvc is shutting down")

// deliverChunk is how many messages are routed under one hold of the lock:
// a large BT block must not keep an RT message waiting.
const deliverChunk = 256

// A Dispatcher routes stored messages to the subscriptions that match. It
// never waits for a subscriber.
type Dispatcher struct {
	metrics *Metrics

	mu            sync.Mutex
	position      Position // of the last message routed in each class
	subscriptions map[*Subscription]struct{}
	topics        trie
	serial        uint64 // of the subscription that came last
	burst         burst  // what is being routed
	closed        bool
}

// NewDispatcher returns a dispatcher that goes on at a position of the log.
func NewDispatcher(at Position, metrics *Metrics) *Dispatcher {
	return &Dispatcher{
		metrics:       metrics,
		position:      at,
		subscriptions: make(map[*Subscription]struct{}),
	}
}

// Subscribe begins a live stream of the messages whose topic matches.
func (d *Dispatcher) Subscribe(filter dataplane.Filter) (*Subscription, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, ErrClosed
	}
	d.serial++
	s := &Subscription{
		serial:     d.serial,
		filter:     filter,
		dispatcher: d,
		wake:       make(chan struct{}, 1),
		position:   d.position,
	}
	d.subscriptions[s] = struct{}{}
	d.topics.add(filter, s)
	d.metrics.subscriptions.Inc()
	return s, nil
}

// unsubscribe takes a subscription out; a second time does nothing.
func (d *Dispatcher) unsubscribe(s *Subscription) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop(s)
}

func (d *Dispatcher) drop(s *Subscription) {
	if _, ok := d.subscriptions[s]; !ok {
		return
	}
	delete(d.subscriptions, s)
	d.topics.remove(s.filter, s)
	d.metrics.subscriptions.Dec()
}

// Deliver routes the messages of one stored block, in order. Blocks of one
// class come from one goroutine, in the order of the log.
func (d *Dispatcher) Deliver(class dataplane.Class, block uint64, messages []dataplane.Message) {
	matches := make(map[string][]*Subscription) // by topic, for one chunk
	for first := 0; first < len(messages); first += deliverChunk {
		last := min(first+deliverChunk, len(messages))
		d.deliver(class, Place{Block: block, Index: uint32(first)}, messages[first:last], matches)
		clear(matches)
	}
}

func (d *Dispatcher) deliver(class dataplane.Class, at Place, messages []dataplane.Message, matches map[string][]*Subscription) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for i := range messages {
		m := &messages[i]
		d.position.advance(class, at)
		at.Index++
		to, known := matches[m.Topic]
		if !known {
			to = d.match(m.Topic)
			matches[m.Topic] = to
		}
		if !d.burst.takes(to) {
			d.flush()
		}
		d.burst.add(to, m, d.position)
		if len(to) > 0 {
			d.metrics.queued(class, now.Sub(m.Time))
		}
	}
	d.flush()
}

// match returns the subscriptions that match, in the order in which they came:
// the same ones are an equal slice.
func (d *Dispatcher) match(topic string) []*Subscription {
	found := d.topics.match(topic, nil)
	slices.SortFunc(found, func(a, b *Subscription) int { return cmp.Compare(a.serial, b.serial) })
	return found
}

// flush queues the burst for its subscriptions, and begins another.
func (d *Dispatcher) flush() {
	lines := d.burst.take()
	for _, s := range d.burst.to {
		if s.enqueue(lines) {
			d.metrics.delivered.Add(float64(lines.count))
		} else {
			d.countCutOff(s)
		}
	}
	d.burst.to = nil
}

// cutOff ends a subscription whose subscriber does not read. One that was cut
// off before is not counted again.
func (d *Dispatcher) cutOff(s *Subscription) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.countCutOff(s)
}

// countCutOff takes a subscription out and counts that. d.mu is held.
func (d *Dispatcher) countCutOff(s *Subscription) {
	if _, open := d.subscriptions[s]; open {
		d.drop(s)
		d.metrics.cutOff.Inc()
	}
}

// Close ends every subscription with a reason, and refuses new ones.
func (d *Dispatcher) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for s := range d.subscriptions {
		s.end(ErrClosed.Error())
		d.drop(s)
	}
}
