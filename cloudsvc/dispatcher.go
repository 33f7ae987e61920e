package cloudsvc

import (
	"errors"
	"sync"

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
	s := &Subscription{
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
	for i := range messages {
		m := &messages[i]
		d.position.advance(class, at)
		at.Index++
		found, known := matches[m.Topic]
		if !known {
			found = d.topics.match(m.Topic, nil)
			matches[m.Topic] = found
		}
		if len(found) == 0 {
			continue
		}
		line := appendLine(nil, m, d.position)
		for _, s := range found {
			d.enqueue(s, line)
		}
	}
}

func (d *Dispatcher) enqueue(s *Subscription, line []byte) {
	if s.enqueue(line, d.position) {
		d.metrics.delivered.Inc()
		return
	}
	d.countCutOff(s)
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

// appendLine appends a message's JSON with its position as the last field,
// and a newline.
func appendLine(dst []byte, m *dataplane.Message, at Position) []byte {
	dst = m.AppendJSON(dst)
	dst = append(dst[:len(dst)-1], `,"position":"`...)
	dst = at.append(dst)
	return append(dst, "\"}\n"...)
}
