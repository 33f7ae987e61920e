package cloudsvc

import (
	"slices"
	"time"

	"datastub/dataplane"
)

// deliverChunk is how many lines are routed under one hold of the lock: a
// large BT block must not keep an RT message waiting.
const deliverChunk = 256

// A routing is a Dispatcher's way through one block.
type routing struct {
	*Dispatcher
	class dataplane.Class
	at    Place // of the next line
}

// messages routes those that come next.
func (r *routing) messages(messages []dataplane.Message) {
	matches := make(map[string][]*Subscription) // by topic, for one chunk
	for chunk := range slices.Chunk(messages, deliverChunk) {
		r.chunk(func() {
			now := time.Now()
			for i := range chunk {
				m := &chunk[i]
				to := lookup(matches, m.Topic, r.match)
				r.queue(to, m)
				if len(to) > 0 {
					r.metrics.queued(r.class, now.Sub(m.Time))
				}
			}
		})
		clear(matches)
	}
}

// gaps routes those that come next.
func (r *routing) gaps(gaps []BlockGap) {
	matches := make(map[string][]*Subscription) // by the topic that lost something, for one chunk
	for chunk := range slices.Chunk(gaps, deliverChunk) {
		r.chunk(func() {
			for i := range chunk {
				m := chunk[i].message()
				r.queue(lookup(matches, chunk[i].Topic, r.matchGap), &m)
			}
		})
		clear(matches)
	}
}

// chunk queues lines under one hold of the lock.
func (r *routing) chunk(queue func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	queue()
	r.flush()
}

// queue puts the next line into the burst for the subscriptions that get it.
func (r *routing) queue(to []*Subscription, m *dataplane.Message) {
	r.position.advance(r.class, r.at)
	r.at.Index++
	if !r.burst.takes(to) {
		r.flush()
	}
	r.burst.add(to, m, r.position)
}

// lookup finds what is kept under a topic, or finds it out and keeps it.
func lookup(kept map[string][]*Subscription, topic string, find func(string) []*Subscription) []*Subscription {
	to, known := kept[topic]
	if !known {
		to = find(topic)
		kept[topic] = to
	}
	return to
}
