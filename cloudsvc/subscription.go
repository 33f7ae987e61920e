package cloudsvc

import (
	"context"
	"fmt"
	"sync"

	"datastub/dataplane"
)

// maxQueue is how many bytes of lines wait for one subscriber before it is
// cut off: what a minute of backlog of a busy node comes to, so that a healthy
// subscriber outlives the moment in which an edge comes back. The lines are
// shared: a hundred stuck subscribers hold them once.
const maxQueue = 16 << 20

// CutOffError ends a Subscription that cannot go on. What was queued before
// is still delivered, and the stream can be resumed at Position.
type CutOffError struct {
	Reason   string
	Position Position
}

// Error tells the reason.
func (e *CutOffError) Error() string {
	return fmt.Sprintf("subscription ended: %s; resume at position %v", e.Reason, e.Position)
}

// A Subscription is one subscriber's place in the live stream: a bounded
// queue of lines, each one message as JSON with its position and a newline.
type Subscription struct {
	serial     uint64 // rises from one to the next
	filter     dataplane.Filter
	dispatcher *Dispatcher
	wake       chan struct{} // holds one token while there is something to take

	mu       sync.Mutex
	queue    [][]byte // one or more whole lines each
	bytes    int
	position Position // of the last line queued
	err      error    // why nothing more is queued
}

// Next waits for lines and returns all that are queued, one or more whole
// lines in each element. They are shared with other subscriptions and must not
// be changed. It returns a
// *CutOffError, after the last of the lines, when the subscription was cut
// off, and the context's error when that ends first.
func (s *Subscription) Next(ctx context.Context) ([][]byte, error) {
	for {
		if lines, err := s.take(); lines != nil || err != nil {
			return lines, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *Subscription) take() ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil, s.err
	}
	queue := s.queue
	s.queue, s.bytes = nil, 0
	return queue, nil
}

// Position returns the position of the last line queued, or where the
// subscription began.
func (s *Subscription) Position() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position
}

// Close ends the subscription. Lines that were not taken are gone.
func (s *Subscription) Close() { s.dispatcher.unsubscribe(s) }

// enqueue adds lines. A queue that is full cuts the subscription off, so
// that nobody else waits for it; what it holds is still delivered.
func (s *Subscription) enqueue(l lines) (open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return false
	}
	if s.bytes+len(l.text) > maxQueue && s.bytes > 0 {
		s.err = &CutOffError{
			Reason:   fmt.Sprintf("too slow: more than %d bytes were waiting", maxQueue),
			Position: s.position,
		}
		return false
	}
	s.queue = append(s.queue, l.text)
	s.bytes += len(l.text)
	s.position = l.position
	if len(s.queue) == 1 {
		signal(s.wake)
	}
	return true
}

// end stops the queue with a reason; what it holds is still delivered.
func (s *Subscription) end(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = &CutOffError{Reason: reason, Position: s.position}
	}
	signal(s.wake)
}
