package cloudsvc

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/dataplane/rest"
)

// producerBudget is how many bytes of messages of all producers may be accepted
// and not stored. When it is spent nothing more is decoded; then each
// producer's own bound holds.
const producerBudget = 32 << 20

// maxProducerSeries is how many series of one producer are kept count of.
const maxProducerSeries = 10_000

// Sources reads PUB sockets; dataplane/zmq has one. Its methods never block.
type Sources interface {
	// Connect reads a source at an address from now on, and there only. For one
	// that is read so already it does nothing.
	Connect(source, address string, prefixes ...string)
	// Disconnect reads a source no longer.
	Disconnect(source string)
}

// ProducersOptions say what Producers stand on. All but Now and Logger are
// required.
type ProducersOptions struct {
	Registry *Registry
	Ingest   *Ingest
	Now      func() time.Time // the clock; time.Now
	Logger   klog.Logger      // the zero one says nothing
}

// Producers are the programs that were written to the proposal: each has a PUB
// socket and registers its address. While it is online it is read there, and
// what it publishes is stored and delivered like any other message, but best
// effort: what comes before the socket is connected or while it is broken is
// lost, as ZeroMQ has it, and what comes too fast is dropped and counted.
//
// Two nodes may register one address: it is read twice, which is of use where
// they register other topics. An address where no PUB socket is, such as
// cloudsvc's own uplink, is told as such and read by nobody.
type Producers struct {
	options ProducersOptions
	sources Sources
	room    *semaphore.Weighted // bytes of producerBudget
	arrived chan struct{}       // holds one token while something may be queued
	turned  chan struct{}       // holds one token while a connection has changed

	mu    sync.Mutex
	byID  map[string]*producer
	ready []*producer // those with a queue, in the order of their turns
	lost  int         // messages that had their turn when all ended
}

// NewProducers reads nobody yet.
func NewProducers(o ProducersOptions) (*Producers, error) {
	if o.Registry == nil || o.Ingest == nil {
		return nil, errors.New("producers: want a registry and an ingest")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Producers{
		options: o, room: semaphore.NewWeighted(producerBudget),
		arrived: make(chan struct{}, 1), turned: make(chan struct{}, 1), byID: make(map[string]*producer),
	}, nil
}

// Receive takes a message of a source. It never blocks: a message beyond the
// bounds of its producer is dropped, and counted.
func (p *Producers) Receive(source string, frames [][]byte) {
	now := p.options.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	from := p.byID[source]
	if from == nil {
		return // its registration has just ended
	}
	waits := len(from.queue) > 0
	if err := from.add(arrival{frames, now}); err != nil {
		p.drop(from, 1, err)
		return
	}
	if !waits {
		p.ready = append(p.ready, from)
	}
	signal(p.arrived)
}

// Changed takes what a source's connection is like: nil is well. It never
// blocks.
func (p *Producers) Changed(source string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if from := p.byID[source]; from != nil {
		from.changed(err, p.options.Now())
		signal(p.turned)
	}
}

// Run keeps to the Registry with what is read by sources, and stores what comes
// from them, until ctx ends. Run is called once.
func (p *Producers) Run(ctx context.Context, sources Sources) error {
	p.sources = sources
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { p.keep(ctx); return nil })
	g.Go(func() error { p.store(ctx); return nil })
	err := g.Wait()
	p.finish()
	return err
}

// finish says what was not taken in before the end.
func (p *Producers) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, from := range p.ready {
		p.lost += len(from.queue)
	}
	if p.lost > 0 {
		p.options.Logger.Info("Stopped before all of producers was taken in; the rest is lost", "lost", p.lost)
	}
}

// store decodes and stores what is queued, a turn of each producer after the
// other.
func (p *Producers) store(ctx context.Context) {
	for ctx.Err() == nil {
		from, topics, turn := p.next()
		if from == nil {
			select {
			case <-p.arrived:
			case <-ctx.Done():
			}
			continue
		}
		messages := p.decode(from, topics, turn)
		if len(messages) == 0 {
			continue
		}
		if err := p.accept(ctx, from, messages); err != nil {
			p.mu.Lock()
			if ctx.Err() != nil {
				p.lost += len(messages)
			} else {
				p.drop(from, len(messages), &droppedError{dropTooLarge, err})
			}
			p.mu.Unlock()
		}
	}
}

// next takes a turn of the producer that waits longest; nil: none waits.
func (p *Producers) next() (from *producer, topics []string, turn []arrival) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ready) == 0 {
		return nil, nil, nil
	}
	from = p.ready[0]
	p.ready = slices.Delete(p.ready, 0, 1)
	turn = from.turn()
	if len(from.queue) > 0 {
		p.ready = append(p.ready, from)
	}
	return from, from.topics, turn
}

// decode returns those that are messages. The others are dropped.
func (p *Producers) decode(from *producer, topics []string, turn []arrival) []dataplane.Message {
	defaults := &rest.Defaults{
		Namespace: defaultNamespace, Device: dataplane.EscapeLevel(from.id), Class: dataplane.RT, Clock: "cloudsvc's clock",
	}
	messages := make([]dataplane.Message, 0, len(turn))
	for _, a := range turn {
		m, err := decodeProduced(a.frames, topics, defaults, a.at)
		if err != nil {
			p.mu.Lock()
			p.drop(from, 1, err)
			p.mu.Unlock()
			continue
		}
		messages = append(messages, m)
	}
	return messages
}

// accept waits until there is room, and puts messages on their way into the
// log.
func (p *Producers) accept(ctx context.Context, from *producer, messages []dataplane.Message) error {
	size := weigh(messages)
	if err := p.room.Acquire(ctx, size); err != nil {
		return err
	}
	if _, _, err := p.options.Ingest.accept(producerName(from.id), maxProducerSeries, p.room, nil, messages); err != nil {
		p.room.Release(size)
		return err
	}
	p.options.Registry.Published(from.id, topicsOf(messages))
	return nil
}

// topicsOf returns the topics of messages, each once.
func topicsOf(messages []dataplane.Message) []string {
	var topics []string
	for i := range messages {
		topics = append(topics, messages[i].Topic)
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// drop counts messages that were not taken in. p.mu is held.
func (p *Producers) drop(from *producer, messages int, err error) {
	var drop *droppedError
	if !errors.As(err, &drop) {
		drop = &droppedError{dropMalformed, err}
	}
	p.options.Ingest.options.Metrics.producerDrops.WithLabelValues(string(drop.reason)).Add(float64(messages))
	from.refusal, from.refused = drop.Error(), p.options.Now()
	from.lastDrop = drop.reason
}
