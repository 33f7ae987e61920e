package zmq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	zmq "github.com/pebbe/zmq4"
)

// dialTime is how long an address may take to be found, and then a peer to
// answer.
const dialTime = 10 * time.Second

// SubscriberOptions describe a Subscriber. Receive, Queue and MaxFrame are
// required.
type SubscriberOptions struct {
	// Receive takes one message of a source; the frames are its own. It is
	// called from the sockets' goroutine, one at a time, and must not block.
	Receive func(source string, frames [][]byte)
	// Changed tells that a source is connected, or why it is not, which is told
	// again after each try. It is called as Receive is; nil: nobody asks.
	Changed func(source string, err error)
	// Resolve returns the endpoint to dial in the place of one that was given.
	// It is asked before each dial, by a goroutine of its own, and may block
	// until ctx ends. nil: each is dialled as it is.
	Resolve func(ctx context.Context, endpoint string) (string, error)

	Queue    int   // messages of one source that may wait; then TCP makes the source wait, and a PUB drops
	MaxFrame int64 // bytes; a source that sends a larger one is disconnected
}

func (o *SubscriberOptions) validate() error {
	if o.Receive == nil {
		return errors.New("subscriber: want a function that receives")
	}
	if o.Queue < 1 || o.MaxFrame < 1 {
		return fmt.Errorf("subscriber: queue of %d messages and frames of %d bytes: want more than 0", o.Queue, o.MaxFrame)
	}
	if o.Changed == nil {
		o.Changed = func(string, error) {}
	}
	if o.Resolve == nil {
		o.Resolve = func(_ context.Context, endpoint string) (string, error) { return endpoint, nil }
	}
	return nil
}

// A Subscriber reads any number of PUB sockets, each a source with a name.
// One goroutine owns all of the sockets. A source whose connection fails or
// breaks is dialled again after a back-off.
type Subscriber struct {
	options SubscriberOptions
	random  func(n int64) int64 // from 0 to n-1: jitter, but in tests
	zctx    *zmq.Context
	waker   *waker

	mu       sync.Mutex
	wanted   map[string]target // since the goroutine last looked
	resolved []resolution      // since then, too

	// The goroutine's own.
	sources   map[string]*source
	bySocket  map[*zmq.Socket]*source // and by monitor
	poller    *zmq.Poller
	dials     int // monitors need names of their own
	resolving sync.WaitGroup
}

// target is where a source is to be read. No endpoint: nowhere.
type target struct {
	endpoint string
	prefixes []string
}

// resolution is what became of a source's endpoint.
type resolution struct {
	source   *source
	endpoint string
	err      error
}

// NewSubscriber dials nobody. Run gives back what NewSubscriber took, or Close
// where Run is not called.
func NewSubscriber(o SubscriberOptions) (*Subscriber, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	zctx, err := zmq.NewContext()
	if err != nil {
		return nil, fmt.Errorf("make a ZeroMQ context: %w", err)
	}
	w, err := newWaker(zctx, "subscriber")
	if err != nil {
		_ = zctx.Term()
		return nil, err
	}
	return &Subscriber{
		options: o, random: jitter, zctx: zctx, waker: w, poller: zmq.NewPoller(),
		sources: make(map[string]*source), bySocket: make(map[*zmq.Socket]*source),
	}, nil
}

// Close gives back what NewSubscriber took, where Run is not called.
func (s *Subscriber) Close() {
	for _, src := range s.sources {
		src.close()
	}
	s.waker.close()
	_ = s.zctx.Term()
}

// Connect reads a source at an endpoint, tcp://host:port, from now on, and
// there only: all that begins with one of the prefixes, or everything if there
// is none. For a source that is read so already it does nothing. It never
// blocks.
func (s *Subscriber) Connect(source, endpoint string, prefixes ...string) {
	s.want(source, target{endpoint, slices.Clone(prefixes)})
}

// Disconnect reads a source no longer. What has come and was not received yet
// is dropped. It never blocks.
func (s *Subscriber) Disconnect(source string) { s.want(source, target{}) }

func (s *Subscriber) want(source string, t target) {
	s.mu.Lock()
	if s.wanted == nil {
		s.wanted = make(map[string]target)
	}
	s.wanted[source] = t
	s.mu.Unlock()
	s.waker.wake()
}

// Run reads the sources until ctx ends, and closes all sockets. Run is called
// once.
func (s *Subscriber) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.Close()
	defer s.resolving.Wait()
	defer cancel()
	unhook := context.AfterFunc(ctx, s.waker.wake)
	defer unhook()
	s.poller.Add(s.waker.receive, zmq.POLLIN)
	for ctx.Err() == nil {
		s.obey()
		due := s.tend(ctx, time.Now())
		polled, err := s.poller.Poll(sleep(due))
		if err != nil {
			return fmt.Errorf("poll the sources: %w", err)
		}
		for _, p := range polled {
			s.take(p.Socket)
		}
	}
	return nil
}

// sleep returns how long to poll, -1 for ever. It is rounded up, as zmq_poll
// counts milliseconds: a deadline is then over.
func sleep(due time.Time) time.Duration {
	if due.IsZero() {
		return -1
	}
	return max(time.Until(due), 0).Truncate(time.Millisecond) + time.Millisecond
}

// obey does what was asked for by other goroutines.
func (s *Subscriber) obey() {
	s.mu.Lock()
	wanted, resolved := s.wanted, s.resolved
	s.wanted, s.resolved = nil, nil
	s.mu.Unlock()
	for name, t := range wanted {
		s.move(name, t)
	}
	for _, r := range resolved {
		r.source.giveUp()
		if s.sources[r.source.name] == r.source { // it is still wanted
			s.open(r.source, r.endpoint, r.err)
		}
	}
}

// move reads a source at another place, or nowhere.
func (s *Subscriber) move(name string, t target) {
	if was := s.sources[name]; was != nil {
		if was.endpoint == t.endpoint && slices.Equal(was.prefixes, t.prefixes) {
			return
		}
		s.disconnect(was)
		was.giveUp()
		delete(s.sources, name)
	}
	if t.endpoint == "" {
		return
	}
	s.sources[name] = &source{name: name, target: t, due: time.Now(), giveUp: func() {}}
}

// tend does what is due, and returns when something will be; zero: never.
func (s *Subscriber) tend(ctx context.Context, now time.Time) (next time.Time) {
	for _, src := range s.sources {
		if !src.due.IsZero() && !now.Before(src.due) {
			if src.socket == nil {
				s.resolve(ctx, src)
			} else {
				s.lost(src, fmt.Errorf("no PUB socket answered at %s within %v", src.endpoint, dialTime))
			}
		}
		if !src.due.IsZero() && (next.IsZero() || src.due.Before(next)) {
			next = src.due
		}
	}
	return next
}

// resolve finds out where to dial a source.
func (s *Subscriber) resolve(ctx context.Context, src *source) {
	src.due = time.Time{}
	ctx, src.giveUp = context.WithTimeout(ctx, dialTime)
	s.resolving.Go(func() {
		endpoint, err := s.options.Resolve(ctx, src.endpoint)
		s.mu.Lock()
		s.resolved = append(s.resolved, resolution{src, endpoint, err})
		s.mu.Unlock()
		s.waker.wake()
	})
}

// open dials a source where its address was found.
func (s *Subscriber) open(src *source, endpoint string, err error) {
	if err == nil {
		s.dials++
		err = src.open(s.zctx, s.dials, endpoint, &s.options)
	}
	if err != nil {
		s.lost(src, err)
		return
	}
	src.due = time.Now().Add(dialTime)
	for _, socket := range src.sockets() {
		s.bySocket[socket] = src
		s.poller.Add(socket, zmq.POLLIN)
	}
}

// lost ends a source's connection, and says why and when to dial again.
func (s *Subscriber) lost(src *source, err error) {
	s.disconnect(src)
	s.options.Changed(src.name, err)
	src.due = time.Now().Add(backoff(src.failures, s.random))
	src.failures++
}

// disconnect closes a source's sockets, if it has any.
func (s *Subscriber) disconnect(src *source) {
	for _, socket := range src.sockets() {
		delete(s.bySocket, socket)
		_ = s.poller.RemoveBySocket(socket)
	}
	src.close()
}

// take takes what has come at a socket.
func (s *Subscriber) take(socket *zmq.Socket) {
	src := s.bySocket[socket]
	switch {
	case socket == s.waker.receive:
		s.waker.woken()
	case src == nil: // closed, by what its other socket told
	case socket == src.socket:
		src.receive(receiveBurst, s.options.Receive)
	default:
		s.observe(src)
	}
}

// observe takes what the monitor tells of a source's connection.
func (s *Subscriber) observe(src *source) {
	for {
		event, _, ok := src.monitor.next()
		if !ok {
			return
		}
		if event == zmq.EVENT_HANDSHAKE_SUCCEEDED {
			src.connected(time.Now())
			s.options.Changed(src.name, nil)
			continue
		}
		// What came before the end is still to be had, and no more comes.
		src.receive(s.options.Queue+receiveBurst, s.options.Receive)
		s.lost(src, src.explain(event))
		return
	}
}
