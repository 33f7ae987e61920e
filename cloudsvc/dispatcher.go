package cloudsvc

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"datastub/cloudsvc/ledger"
	"datastub/dataplane"
)

// ErrClosed is returned by what has ended.
var ErrClosed = errors.New("cloudsvc is shutting down")

// A Dispatcher routes stored messages to the subscriptions that match. It
// never waits for a subscriber: who is too slow goes on from the log.
type Dispatcher struct {
	metrics *Metrics
	counts  counts
	history *History
	eras    eras    // of which there are positions
	shelves []Shelf // of the log

	mu            sync.Mutex
	position      Position                          // of the last message routed in each class
	recent        [len(dataplane.Classes) + 1]ring  // by Class
	trails        [len(dataplane.Classes) + 1]trail // by Class, up to the position
	subscriptions map[*Subscription]struct{}
	topics        [len(dataplane.Classes) + 1]trie // of those that are live, by Class
	serial        uint64                           // of the subscription that came last
	burst         burst                            // what is being routed
	moreRT        chan struct{}                    // closed when a block of RT has been routed; nil: nobody waits
	closed        bool
}

// NewDispatcher returns a dispatcher that goes on at a position of the log,
// whose history it is.
func NewDispatcher(at Position, history *History, metrics *Metrics) *Dispatcher {
	return &Dispatcher{
		metrics:       metrics,
		history:       history,
		eras:          eras{at},
		position:      at,
		subscriptions: make(map[*Subscription]struct{}),
	}
}

// Subscribe begins a live stream of the messages whose topic matches, of some
// classes; where none is named, of all.
func (d *Dispatcher) Subscribe(filter dataplane.Filter, classes ...dataplane.Class) (*Subscription, error) {
	s := newSubscription(d, filter, classes)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.admit(s); err != nil {
		return nil, err
	}
	s.began = d.position
	d.goLive(s, lines{position: d.position})
	return s, nil
}

// SubscribeFrom is Subscribe at an earlier place, from which the stream catches
// up with the live one. The context is that of looking for the place.
func (d *Dispatcher) SubscribeFrom(ctx context.Context, filter dataplane.Filter, start Start, classes ...dataplane.Class) (*Subscription, error) {
	if start == (Start{}) {
		return d.Subscribe(filter, classes...)
	}
	at, err := start.position(ctx, d.history, d.reached())
	if err != nil {
		return nil, err
	}
	s := newSubscription(d, filter, classes)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.admit(s); err != nil {
		return nil, err
	}
	s.began = at
	s.feed.resume(at, d.position)
	s.position = s.feed.at
	d.metrics.behind.Inc()
	return s, nil
}

// admit takes a subscription in. d.mu is held.
func (d *Dispatcher) admit(s *Subscription) error {
	if d.closed {
		return ErrClosed
	}
	d.serial++
	s.serial = d.serial
	d.subscriptions[s] = struct{}{}
	return nil
}

// reached returns the position of the last line routed.
func (d *Dispatcher) reached() Position {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.position
}

// watch returns the position of the last line routed, and what is closed when
// more of RT has been.
func (d *Dispatcher) watch() (at Position, moreRT <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moreRT == nil {
		d.moreRT = make(chan struct{})
	}
	return d.position, d.moreRT
}

// trail returns the trail of all that was routed of a class.
func (d *Dispatcher) trail(class dataplane.Class) trail {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.trails[class]
}

// mayHold tells whether there may be something among a shelf's topics for who
// subscribes to a filter. Who subscribes to gaps gets those of any topic.
func (d *Dispatcher) mayHold(topics uint32, filter dataplane.Filter) bool {
	at := slices.IndexFunc(d.shelves, func(s Shelf) bool { return s.ID == topics })
	return at < 0 || d.shelves[at].mayHold(filter) || filter.Match(dataplane.GapTopic)
}

// atRisk returns how many blocks of a class there are, at most, from the oldest
// that a subscriber to a filter is not done with to the last one that is doomed on
// a shelf where there may be something for it, by shelf; 0: there is none.
func (d *Dispatcher) atRisk(class dataplane.Class, filter dataplane.Filter, oldest uint64, doomed map[uint32]uint64) (blocks uint64) {
	waiting, known := d.trail(class).from(oldest)
	for shelf, last := range doomed {
		concerns := !known || slices.ContainsFunc(waiting, func(m trailMark) bool { return m.shelf == shelf && d.mayHold(m.topics, filter) })
		if concerns && last >= oldest {
			blocks = max(blocks, last-oldest+1)
		}
	}
	return blocks
}

// recentFrom returns the first block from a sequence on that was routed not
// long ago, nil where that has to be looked for in the log.
func (d *Dispatcher) recentFrom(class dataplane.Class, seq uint64) *storedBlock {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.recent[class].from(seq)
}

// unsubscribe takes a subscription out; a second time does nothing.
func (d *Dispatcher) unsubscribe(s *Subscription) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop(s)
}

// drop takes a subscription out, if it is in. d.mu is held.
func (d *Dispatcher) drop(s *Subscription) {
	if _, ok := d.subscriptions[s]; !ok {
		return
	}
	delete(d.subscriptions, s)
	if s.live {
		d.stopRouting(s)
	} else {
		d.metrics.behind.Dec()
	}
}

// Deliver routes the messages of one stored block and the gaps among them, in
// order. Each has a place of its own. Blocks of one class come from one
// goroutine, in the order of the log.
func (d *Dispatcher) Deliver(class dataplane.Class, block uint64, messages []dataplane.Message, gaps []BlockGap) {
	b := &storedBlock{seq: block, messages: messages, gaps: gaps}
	b.weight = b.weigh()
	d.route(class, b)
}

// route is Deliver of a block that has been weighed.
func (d *Dispatcher) route(class dataplane.Class, b *storedBlock) {
	r := routing{
		Dispatcher: d, class: class, block: b,
		messages: make(map[string][]*Subscription), gaps: make(map[string][]*Subscription),
	}
	r.run()
}

// match returns the subscriptions that match, in the order in which they came:
// the same ones are an equal slice.
func (d *Dispatcher) match(class dataplane.Class, topic string) []*Subscription {
	return inOrder(d.topics[class].match(topic, nil))
}

// matchGap returns the subscriptions that a gap concerns, as Gap.concerns has
// it, each once.
func (d *Dispatcher) matchGap(class dataplane.Class, topicLost string) []*Subscription {
	topics := &d.topics[class]
	if topicLost == "" {
		return inOrder(topics.all(nil))
	}
	return slices.Compact(inOrder(topics.match(dataplane.GapTopic, topics.match(topicLost, nil))))
}

func inOrder(found []*Subscription) []*Subscription {
	slices.SortFunc(found, func(a, b *Subscription) int { return cmp.Compare(a.serial, b.serial) })
	return found
}

// flush queues the burst for its subscriptions, and begins another. Who has no
// room for it is live no more.
func (d *Dispatcher) flush() {
	lines := d.burst.take()
	took := 0
	for _, s := range d.burst.to {
		if s.enqueue(lines) {
			took++
		} else {
			d.leave(s)
		}
	}
	d.delivered(lines, took)
	d.burst.to = nil
}

// delivered counts lines that so many subscribers have got.
func (d *Dispatcher) delivered(l lines, subscribers int) {
	d.metrics.delivered.Add(float64(l.count * subscribers))
	for _, s := range l.shares {
		d.counts.add(s.laneKey, ledger.Counts{Delivered: s.messages * uint64(subscribers)})
	}
}

// leave lets a subscription go on from the log, behind what is queued for it.
// d.mu is held.
func (d *Dispatcher) leave(s *Subscription) {
	if !s.live { // it has just left, and some lines were for it still
		return
	}
	d.stopRouting(s)
	d.metrics.behind.Inc()
	d.metrics.fellBehind.Inc()
	s.setBehind()
}

// join makes a subscription live whose feed has come near: what is left is made
// into lines while nothing is routed. It tells whether the feed was near
// enough, and whether the subscription is open.
func (d *Dispatcher) join(s *Subscription) (joined, open bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, open = d.subscriptions[s]; !open || !d.near(&s.feed) {
		return false, open
	}
	for _, class := range s.feed.classes {
		s.feed.finish(class, &d.recent[class], d.position.place(class))
	}
	d.metrics.behind.Dec()
	d.goLive(s, s.feed.take())
	return true, true
}

// near tells whether a feed has no more than a chunk before it. d.mu is held.
func (d *Dispatcher) near(f *feed) bool {
	left := 0
	for _, class := range f.classes {
		left += d.recent[class].between(f.at.place(class), d.position.place(class), deliverChunk+1)
	}
	return left <= deliverChunk
}

// goLive queues lines, and from then on all that is routed. d.mu is held.
func (d *Dispatcher) goLive(s *Subscription, first lines) {
	s.setLive(first)
	for _, class := range s.feed.classes {
		d.topics[class].add(s.filter, s)
	}
	d.delivered(first, 1)
}

// stopRouting takes a subscription that is live out of the tries. d.mu is held.
func (d *Dispatcher) stopRouting(s *Subscription) {
	for _, class := range s.feed.classes {
		d.topics[class].remove(s.filter, s)
	}
}

// cutOff ends a subscription whose subscriber does not read. One that has
// ended before is not counted.
func (d *Dispatcher) cutOff(s *Subscription) {
	d.mu.Lock()
	defer d.mu.Unlock()
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
		s.end(ErrClosed, d.position)
		d.drop(s)
	}
}
