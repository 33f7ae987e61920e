package cloudsvc

import (
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
	block *storedBlock

	// Who gets what, for one chunk: messages by their topic, gaps by the topic
	// that lost something.
	messages, gaps map[string][]*Subscription
}

// run routes the whole block.
func (r *routing) run() {
	end := r.block.len()
	r.begin()
	for from := uint32(0); from < end; from += deliverChunk {
		r.chunk(from, min(from+deliverChunk, end))
	}
	r.finish()
}

// begin keeps the block for those who are behind: what the position has reached
// is there from the first line on.
func (r *routing) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recent[r.class].add(r.block)
}

// finish reaches the end of the block, and wakes the feeds that wait.
func (r *routing) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.position.advance(r.class, endOf(r.block.seq))
	r.trails[r.class] = r.block.trail
	if r.class == dataplane.RT && r.moreRT != nil {
		close(r.moreRT)
		r.moreRT = nil
	}
}

// chunk routes some lines under one hold of the lock.
func (r *routing) chunk(from, end uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for i, line := range r.block.lines(from, end) {
		r.position.advance(r.class, Place{r.block.seq, i})
		to := r.find(line)
		if !r.burst.takes(to) {
			r.flush()
		}
		r.burst.add(to, line.message, r.position)
		if line.gap == nil && len(to) > 0 {
			r.metrics.queued(r.class, now.Sub(line.message.Time))
		}
	}
	r.flush()
	clear(r.messages)
	clear(r.gaps)
}

// find returns the subscriptions that get a line.
func (r *routing) find(line storedLine) []*Subscription {
	if line.gap != nil {
		return r.lookup(r.gaps, line.gap.Topic, r.matchGap)
	}
	return r.lookup(r.messages, line.message.Topic, r.match)
}

// lookup finds what is kept under a topic, or finds it out and keeps it.
func (r *routing) lookup(kept map[string][]*Subscription, topic string, find func(dataplane.Class, string) []*Subscription) []*Subscription {
	to, known := kept[topic]
	if !known {
		to = find(r.class, topic)
		kept[topic] = to
	}
	return to
}
