package cloudsvc

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"datastub/dataplane"
)

// maxQueue is how many bytes of lines wait for one subscriber before it leaves
// the live stream and goes on from the log: what a minute of backlog of a busy
// node comes to. The lines are shared: a hundred slow subscribers hold them
// once.
const maxQueue = 16 << 20

// CutOffError ends a Subscription that cannot go on. What was queued before
// is still delivered, and the stream can be resumed at Position.
type CutOffError struct {
	Reason   string
	Position Position
	cause    error
}

// Error tells the reason.
func (e *CutOffError) Error() string {
	return fmt.Sprintf("subscription ended: %s; resume at position %v", e.Reason, e.Position)
}

// Unwrap returns why, such as ErrClosed.
func (e *CutOffError) Unwrap() error { return e.cause }

// A Subscription is one subscriber's stream of lines, each one message as JSON
// with its position and a newline. It is live, and has a bounded queue that the
// Dispatcher fills, or behind, and reads a feed, as far as it is taken from.
// Either goes on exactly where the other ended. One goroutine takes from it.
type Subscription struct {
	serial     uint64 // rises from one to the next
	filter     dataplane.Filter
	dispatcher *Dispatcher
	wake       chan struct{} // holds one token while there is something to take
	began      Position
	feed       feed // while it is behind

	mu       sync.Mutex
	live     bool     // written with the Dispatcher's mu held, too: either is enough to read it
	queue    [][]byte // one or more whole lines each
	bytes    int
	room     int      // how many bytes may be queued
	position Position // of the last line queued, or taken of the feed
	err      error    // why nothing more comes
}

// newSubscription returns one that is behind, to some classes or, where none is
// named, to all.
func newSubscription(d *Dispatcher, filter dataplane.Filter, classes []dataplane.Class) *Subscription {
	if len(classes) == 0 {
		classes = dataplane.Classes[:]
	}
	wake := make(chan struct{}, 1)
	return &Subscription{
		filter: filter, dispatcher: d, wake: wake, room: maxQueue,
		feed: feed{dispatcher: d, filter: filter, classes: classes, wake: wake},
	}
}

// Next waits for lines and returns some, one or more whole lines in each
// element. They are shared with other subscriptions and must not be changed.
// It returns a *CutOffError, after the last of the lines, when the subscription
// was ended, and the context's error when that ends first.
func (s *Subscription) Next(ctx context.Context) ([][]byte, error) { return s.nextOr(ctx, nil) }

// errInterrupted is returned by who stops to wait as somebody wants.
var errInterrupted = errors.New("interrupted")

// nextOr is Next that returns errInterrupted when there is something to receive
// while it waits.
func (s *Subscription) nextOr(ctx context.Context, interrupt <-chan struct{}) ([][]byte, error) {
	for {
		lines, live, err := s.take()
		if lines != nil || err != nil {
			return lines, err
		}
		if !live {
			lines, err := s.catchUp(ctx, interrupt)
			if lines != nil || err != nil {
				return lines, err
			}
			continue
		}
		select {
		case <-s.wake:
		case <-interrupt:
			return nil, errInterrupted
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take returns what is queued.
func (s *Subscription) take() (queue [][]byte, live bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil, s.live, s.err
	}
	queue = s.queue
	s.queue, s.bytes = nil, 0
	return queue, s.live, nil
}

// catchUp returns lines of the feed, or none once the subscription is live, or
// has ended.
func (s *Subscription) catchUp(ctx context.Context, interrupt <-chan struct{}) ([][]byte, error) {
	joined, open := s.dispatcher.join(s)
	if !open {
		s.end(ErrClosed, s.feed.at)
	}
	if joined || !open {
		s.feed.stop()
		return nil, nil
	}
	made, err := s.feed.next(ctx, interrupt)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.position = made.position
	s.mu.Unlock()
	if len(made.text) == 0 {
		return nil, nil
	}
	s.dispatcher.delivered(made, 1)
	return [][]byte{made.text}, nil
}

// Position returns the position of the last line queued or taken, or a later one
// without a line, or where the subscription began.
func (s *Subscription) Position() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position
}

// Began returns the position behind which the stream begins.
func (s *Subscription) Began() Position { return s.began }

// Had returns a position all up to which was taken, that of the last line or a
// later one, or false while lines are queued.
func (s *Subscription) Had() (at Position, ok bool) {
	reached := s.dispatcher.reached() // what comes behind it is queued later
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live && len(s.queue) == 0 && !s.position.ahead(reached) {
		s.position = reached
	}
	return s.position, len(s.queue) == 0
}

// idle tells whether the subscription is live, and nothing is queued.
func (s *Subscription) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live && len(s.queue) == 0
}

// limit has so many bytes queued at most before the subscription goes on from the
// log.
func (s *Subscription) limit(room int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room = room
}

// Close ends the subscription. Lines that were not taken are gone. It is called
// by who takes from it, also after the subscription was ended.
func (s *Subscription) Close() {
	s.dispatcher.unsubscribe(s)
	s.feed.stop()
}

// enqueue adds lines, if the subscription is live and has room for them: a
// queue that is empty always has.
func (s *Subscription) enqueue(l lines) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live || s.bytes+len(l.text) > s.room && s.bytes > 0 {
		return false
	}
	s.add(l)
	return true
}

// add queues lines. s.mu is held.
func (s *Subscription) add(l lines) {
	s.queue = append(s.queue, l.text)
	s.bytes += len(l.text)
	s.position = l.position
	if len(s.queue) == 1 {
		signal(s.wake)
	}
}

// setLive queues the last lines of the feed; the Dispatcher queues what comes
// behind.
func (s *Subscription) setLive(last lines) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = true
	s.position = last.position
	if len(last.text) > 0 {
		s.add(last)
	}
}

// setBehind lets the feed go on behind what is queued.
func (s *Subscription) setBehind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = false
	s.feed.begin(s.position)
	signal(s.wake)
}

// end stops the stream with a reason; what is queued is still delivered. One that
// is live has, with that, all that was routed.
func (s *Subscription) end(cause error, routed Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live {
		s.position = routed
	}
	if s.err == nil {
		s.err = &CutOffError{Reason: cause.Error(), Position: s.position, cause: cause}
	}
	signal(s.wake)
}
