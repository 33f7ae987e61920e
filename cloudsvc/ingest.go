package cloudsvc

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"k8s.io/klog/v2"

	"datastub/cloudsvc/ledger"
	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

const (
	// ingestBudget is how many bytes of frames of a class may be accepted and
	// not stored.
	ingestBudget = 64 << 20
	// ingestWeight is how much memory these may take: compression makes some
	// ten times as much of what devices send, and thousands of times of what is
	// made for that.
	ingestWeight = 4 * ingestBudget
	// finishTime is how long the log may still take when cloudsvc stops.
	finishTime = 2 * time.Second
)

// IngestOptions describe an Ingest. All but DurableLag, Shelves and Now are
// required.
type IngestOptions struct {
	Log      Log
	Marks    MarkStore
	Eras     EraStore
	MaxFrame int // the largest frame that fits into a block, in bytes
	// DurableLag is how long what the log has stored needs to be durable, 0 if
	// it is as soon as the log answers. Until then it is acknowledged as stored
	// only, and publishers keep it: a log that loses its end gets it again. That
	// goes for what is found in the log at the start, too: nobody knows when it
	// was stored.
	DurableLag time.Duration
	Shelves    []Shelf // of the log, those that are retired behind the others; none: one for all
	Registry   *Registry
	Metrics    *Metrics
	Now        func() time.Time // the clock; time.Now
	Logger     klog.Logger      // the zero one says nothing
}

func (o *IngestOptions) validate() error {
	if o.Log == nil || o.Marks == nil || o.Eras == nil || o.Registry == nil || o.Metrics == nil {
		return errors.New("ingest: want a log, stores of marks and of eras, a registry and metrics")
	}
	if o.MaxFrame <= 0 {
		return fmt.Errorf("ingest: largest frame of %d bytes: want more than 0", o.MaxFrame)
	}
	if o.DurableLag < 0 {
		return fmt.Errorf("ingest: durable after %v: want 0 or more", o.DurableLag)
	}
	return nil
}

// Ingest takes in what publishers send, drops what it has already, and puts
// the rest into the log; then it acknowledges and hands it to the Dispatcher.
type Ingest struct {
	options    IngestOptions
	dispatcher *Dispatcher
	writers    map[dataplane.Class]*writer
	packer     *dataplane.Packer
	gaps       gapLog
	httpRoom   *semaphore.Weighted // bytes of httpBudget
	eventRoom  *semaphore.Weighted // bytes of eventBudget
	audits     *semaphore.Weighted // one
	since      time.Time           // what is counted is from then on
	ended      chan struct{}       // closed when nothing is stored any more

	// mu is held while replies are handed to send, which does not block: a peer
	// gets them in the order in which they were made, and is not left with an
	// older credit.
	mu       sync.Mutex
	receiver *uplink.Receiver
	marks    *marks
	changed  bool // marks differ from what was saved
	stopping bool // nothing more is taken in
	send     func([]uplink.Reply)
	// numberings are of the publishers that cloudsvc itself numbers, by name.
	numberings map[string]*numbering
	requests   map[[16]byte]*requestInFlight // those with keys, by these
}

// NewIngest reads from the log how far each publisher had come.
func NewIngest(ctx context.Context, o IngestOptions) (*Ingest, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	packer, err := dataplane.NewPacker()
	if err != nil {
		return nil, err
	}
	i := &Ingest{
		options:    o,
		writers:    make(map[dataplane.Class]*writer),
		marks:      newMarks(),
		send:       func([]uplink.Reply) {},
		numberings: make(map[string]*numbering),
		requests:   make(map[[16]byte]*requestInFlight),
		packer:     packer,
		httpRoom:   semaphore.NewWeighted(httpBudget),
		eventRoom:  semaphore.NewWeighted(eventBudget),
		audits:     semaphore.NewWeighted(1),
		since:      o.Now(),
		ended:      make(chan struct{}),
	}
	i.receiver = uplink.NewReceiver(uplink.ReceiverOptions{
		Packer: packer, Budget: ingestBudget, MaxWeight: ingestWeight, MaxFrame: uint64(o.MaxFrame), DurableLag: o.DurableLag,
		Session: newSession, Admit: admit, Control: i.control,
	})
	var key topicKey
	_, _ = crand.Read(key[:]) // which does not fail
	for _, c := range dataplane.Classes {
		i.writers[c] = newWriter(c, key, o.Log, o.Shelves, o.Metrics, o.Now)
		i.writers[c].stored = i.stored
	}
	before, err := i.restore(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	for c, w := range i.writers {
		w.trail = i.marks.trails[c]
	}
	at := i.reached()
	at.Incarnation = rand.Uint64()
	began := before.with(at)
	if err := o.Eras.SaveEras(ctx, began.record()); err != nil { // before anybody is given a position
		return nil, fmt.Errorf("save who writes to the log: %w", err)
	}
	i.dispatcher = NewDispatcher(at, NewHistory(o.Log, packer, o.Metrics), o.Metrics)
	i.dispatcher.eras = began
	i.dispatcher.shelves = o.Shelves
	for c := range i.writers {
		i.dispatcher.trails[c] = i.marks.trails[c]
	}
	return i, nil
}

// newSession returns a number that nobody guesses.
func newSession() uint64 { return rand.Uint64() | 1 }

// Dispatcher returns where the stored messages go.
func (i *Ingest) Dispatcher() *Dispatcher { return i.dispatcher }

// Connect tells where replies to the uplink's peers are sent. It is called
// before the first Receive; send must not block.
func (i *Ingest) Connect(send func([]uplink.Reply)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.send = func(replies []uplink.Reply) {
		i.options.Metrics.replied(replies)
		send(replies)
	}
}

// Receive takes one frame from the uplink. One that no block can hold is as
// good as not sent; mappers send none.
func (i *Ingest) Receive(peer uplink.Peer, frame []byte) {
	if len(frame) > i.options.MaxFrame {
		i.options.Metrics.oversized.Inc()
		return
	}
	i.mu.Lock()
	if i.stopping {
		i.mu.Unlock()
		return // the publisher keeps it, and sends it to who comes after us
	}
	was, _ := i.receiver.Publisher(peer)
	replies, accepted := i.receiver.Receive(peer, frame, i.options.Now())
	i.send(replies)
	name, software := i.receiver.Publisher(peer)
	gone := was != "" && !i.receiver.Connected(was)
	if accepted != nil {
		// The queue's order is the order of acceptance: both are taken under mu.
		i.writers[accepted.Lane].add(entry{Accepted: accepted})
	}
	i.mu.Unlock()
	if name != "" {
		i.options.Registry.Seen(name, software)
	}
	if gone {
		i.options.Registry.Gone(was)
	}
	if accepted != nil {
		i.options.Metrics.received(accepted.Lane, len(accepted.Messages), len(accepted.Frame))
		i.noteLoss(accepted)
	}
}

// Unreachable says that a peer's connection is gone.
func (i *Ingest) Unreachable(peer uplink.Peer) {
	i.mu.Lock()
	was, _ := i.receiver.Publisher(peer)
	i.receiver.Unreachable(peer)
	gone := was != "" && !i.receiver.Connected(was)
	i.mu.Unlock()
	if gone {
		i.options.Registry.Gone(was)
	}
}

// stored acknowledges a block that is in the log.
func (i *Ingest) stored(b *blockBuilder, s *storedBlock) {
	accepted := make([]*uplink.Accepted, 0, len(b.entries))
	for _, e := range b.entries {
		if e.stored == nil {
			accepted = append(accepted, e.Accepted)
		}
	}
	i.mu.Lock()
	i.marks.count(b.Class, s.seq, b.Ranges, s.trail)
	i.noteRequests(&b.Block, s.seq, i.options.Now())
	for _, g := range s.gaps {
		i.noteGap(s.seq, g.Gap)
	}
	i.changed = true
	i.send(i.receiver.Stored(accepted, i.options.Now()))
	i.mu.Unlock()
	for _, e := range b.entries {
		i.dispatcher.counts.add(laneKey{e.Publisher, e.Lane}, stored(e.Accepted))
		if e.stored != nil {
			e.stored()
		}
	}
}

// stored returns what an entry that is in the log counts for.
func stored(a *uplink.Accepted) ledger.Counts {
	if a.Gap != nil {
		return ledger.Counts{Lost: a.Last - a.First + 1}
	}
	return ledger.Counts{Stored: uint64(len(a.Messages))}
}

// Run works until ctx ends, and then until all that was accepted is stored,
// for 2 s at most. It returns ErrFenced if the log has another owner, and
// ErrTruncated if it has lost its end: both mean to begin anew, from the log.
// Run is called once.
func (i *Ingest) Run(ctx context.Context) error {
	g, stop := errgroup.WithContext(ctx)
	// What is accepted is stored after ctx has ended, for a bounded time.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	// The writers end when nothing can be added to them any more.
	closed, shut := context.WithCancel(work)
	g.Go(func() error {
		<-stop.Done()
		i.mu.Lock()
		i.stopping = true
		i.mu.Unlock()
		shut()
		time.AfterFunc(finishTime, cancel)
		return nil
	})
	for _, c := range dataplane.Classes {
		g.Go(func() error { return i.writers[c].run(work, closed) })
		g.Go(func() error { i.deliver(c); return nil })
	}
	g.Go(func() error { return i.tick(stop) })
	g.Go(func() error { i.keepMarks(stop); return nil })
	err := g.Wait()
	close(i.ended)
	i.finish(ctx, err)
	return err
}

// finish tells publishers and subscribers that this process is leaving, and
// saves the marks, unless they are not the log's any more.
func (i *Ingest) finish(ctx context.Context, err error) {
	i.mu.Lock()
	i.send(i.receiver.Goodbye("cloudsvc is shutting down"))
	i.mu.Unlock()
	i.dispatcher.Close()
	log := klog.FromContext(ctx)
	for _, c := range dataplane.Classes {
		if kept, lost := i.writers[c].left(); kept+lost > 0 {
			log.Info("Stopped before all was stored; mappers send again what they keep, what came by HTTP or from producers is lost",
				"class", c, "kept", kept, "lost", lost)
		}
	}
	if isLost(err) {
		return
	}
	// The marks are saved after all else has ended, for a bounded time.
	last, done := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer done()
	if err := i.save(last); err != nil {
		log.Error(err, marksUnsaved)
	}
}

// deliver routes what is stored, until the writer ends.
func (i *Ingest) deliver(class dataplane.Class) {
	for b := range i.writers[class].delivered {
		i.dispatcher.route(class, b)
		i.noteTopics(b.messages)
	}
}

// noteTopics tells the registry who publishes what.
func (i *Ingest) noteTopics(messages []dataplane.Message) {
	type source struct{ publisher, topic string }
	var last source
	seen := make(map[source]struct{})
	topics := make(map[string][]string) // by publisher
	for k := range messages {
		from := source{messages[k].ID.Publisher, messages[k].Topic}
		if from == last {
			continue
		}
		last = from
		if _, known := seen[from]; !known {
			seen[from] = struct{}{}
			topics[from.publisher] = append(topics[from.publisher], from.topic)
		}
	}
	for publisher, names := range topics {
		i.options.Registry.Published(publisher, names)
	}
}

// Ready returns nil if messages are taken in, and otherwise why not.
func (i *Ingest) Ready() error {
	for _, c := range dataplane.Classes {
		if err := i.writers[c].health(); err != nil {
			return fmt.Errorf("the log does not take %v blocks: %w", c, err)
		}
	}
	return nil
}
