package cloudsvc

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync"

	"datastub/cloudsvc/ledger"
	"datastub/dataplane"
)

// ErrClosed is returned by what has ended.
var ErrClosed = errors.New("cloudsvc is shutting down")

// A Dispatcher routes stored messages to the subscriptions that match. It
// never waits for a subscriber.
type Dispatcher struct {
	metrics *Metrics
	counts  counts

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

// A BlockGap is a gap in its place in a block.
type BlockGap struct {
	Gap
	Before int // how many of the block's messages stand before it
}

// Deliver routes the messages of one stored block and the gaps among them, in
// order. Each has a place of its own. Blocks of one class come from one
// goroutine, in the order of the log.
func (d *Dispatcher) Deliver(class dataplane.Class, block uint64, messages []dataplane.Message, gaps []BlockGap) {
	r := routing{Dispatcher: d, class: class, at: Place{Block: block}}
	first := 0
	for len(gaps) > 0 {
		before, n := gaps[0].Before, 1
		for n < len(gaps) && gaps[n].Before == before {
			n++
		}
		r.messages(messages[first:before])
		r.gaps(gaps[:n])
		first, gaps = before, gaps[n:]
	}
	r.messages(messages[first:])
}

// match returns the subscriptions that match, in the order in which they came:
// the same ones are an equal slice.
func (d *Dispatcher) match(topic string) []*Subscription {
	return inOrder(d.topics.match(topic, nil))
}

// matchGap returns the subscriptions that a gap concerns, as Gap.concerns has
// it, each once.
func (d *Dispatcher) matchGap(topicLost string) []*Subscription {
	if topicLost == "" {
		return inOrder(slices.Collect(maps.Keys(d.subscriptions)))
	}
	return slices.Compact(inOrder(d.topics.match(dataplane.GapTopic, d.topics.match(topicLost, nil))))
}

func inOrder(found []*Subscription) []*Subscription {
	slices.SortFunc(found, func(a, b *Subscription) int { return cmp.Compare(a.serial, b.serial) })
	return found
}

// flush queues the burst for its subscriptions, and begins another.
func (d *Dispatcher) flush() {
	lines := d.burst.take()
	var took, refused uint64
	for _, s := range d.burst.to {
		if s.enqueue(lines) {
			took++
			d.metrics.delivered.Add(float64(lines.count))
		} else {
			refused++
			d.countCutOff(s)
		}
	}
	for _, s := range d.burst.shares {
		d.counts.add(s.laneKey, ledger.Counts{Delivered: s.messages * took, Dropped: s.messages * refused})
	}
	d.burst.to, d.burst.shares = nil, d.burst.shares[:0]
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
