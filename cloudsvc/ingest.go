package cloudsvc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

const (
	// ingestBudget is how many bytes of a class may be accepted and not stored.
	ingestBudget = 64 << 20
	// tickEvery is how often silence and durability are looked at.
	tickEvery = time.Second
	// saveEvery is how often the marks are saved if they changed.
	saveEvery = 5 * time.Second
	// finishTime is how long the log may still take when cloudsvc stops.
	finishTime = 2 * time.Second
)

// IngestOptions describe an Ingest.
type IngestOptions struct {
	Log        Log
	Marks      MarkStore
	DurableLag time.Duration // how long what the log has stored needs to be durable
	Registry   *Registry
	Metrics    *Metrics
	// Incarnation is the log's; see Position.
	Incarnation uint64
}

// Ingest takes in what publishers send, drops what it has already, and puts
// the rest into the log; then it acknowledges and hands it to the Dispatcher.
type Ingest struct {
	IngestOptions
	dispatcher *Dispatcher
	writers    map[dataplane.Class]*writer

	mu       sync.Mutex
	receiver *uplink.Receiver
	marks    *marks
	changed  bool // marks differ from what was saved
	send     func([]uplink.Reply)
	http     map[string]*httpPublisher // by publisher name
	packer   *dataplane.Packer
}

// NewIngest reads from the log how far each publisher had come.
func NewIngest(ctx context.Context, o IngestOptions) (*Ingest, error) {
	packer, err := dataplane.NewPacker()
	if err != nil {
		return nil, err
	}
	i := &Ingest{
		IngestOptions: o,
		writers:       make(map[dataplane.Class]*writer),
		marks:         newMarks(),
		send:          func([]uplink.Reply) {},
		http:          make(map[string]*httpPublisher),
		packer:        packer,
		receiver: uplink.NewReceiver(uplink.ReceiverOptions{
			Packer: packer, Budget: ingestBudget, DurableLag: o.DurableLag, Session: newSession,
		}),
	}
	for _, c := range dataplane.Classes {
		i.writers[c] = newWriter(c, o.Log, o.Metrics)
		i.writers[c].stored = i.stored
	}
	if err := i.recover(ctx); err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	at := Position{Incarnation: o.Incarnation}
	for _, c := range dataplane.Classes {
		at.advance(c, Place{Block: i.marks.blocks[c], Index: lastIndex})
	}
	i.dispatcher = NewDispatcher(at, o.Metrics)
	return i, nil
}

// lastIndex stands for the end of a block whose messages were not counted.
const lastIndex = 1<<32 - 1

// newSession returns a number that nobody guesses.
func newSession() uint64 { return rand.Uint64() | 1 }

// recover loads the marks that were saved and counts the blocks behind them.
func (i *Ingest) recover(ctx context.Context) error {
	snapshot, err := i.Marks.LoadMarks(ctx)
	if err != nil {
		return err
	}
	if snapshot != nil {
		if err := i.marks.load(snapshot); err != nil {
			return err
		}
	}
	for _, c := range dataplane.Classes {
		after := i.marks.blocks[c]
		err := i.Log.Replay(ctx, c, after, func(seq uint64, raw []byte) error {
			block, err := ParseBlock(raw)
			if err != nil {
				klog.FromContext(ctx).Error(err, "skip a block that cannot be read", "class", c, "block", seq)
				i.Metrics.corruptBlocks.Inc()
				return nil
			}
			i.marks.count(c, seq, block.Ranges)
			return nil
		})
		if err != nil {
			return err
		}
	}
	for key, lane := range i.marks.lanes {
		i.receiver.Restore(key.publisher, lane.spool, key.class, lane.mark)
	}
	return nil
}

// Dispatcher returns where the stored messages go.
func (i *Ingest) Dispatcher() *Dispatcher { return i.dispatcher }

// Connect tells where replies to the uplink's peers are sent. It is called
// before the first Receive; send must not block.
func (i *Ingest) Connect(send func([]uplink.Reply)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.send = send
}

// Receive takes one frame from the uplink.
func (i *Ingest) Receive(peer uplink.Peer, frame []byte) {
	i.mu.Lock()
	was, _ := i.receiver.Publisher(peer)
	replies, accepted := i.receiver.Receive(peer, frame, time.Now())
	name, software := i.receiver.Publisher(peer)
	i.mu.Unlock()
	i.send(replies)
	if name != "" {
		i.Registry.Seen(name, software)
	} else if was != "" {
		i.Registry.Gone(was)
	}
	if accepted != nil {
		i.Metrics.received(accepted.Lane, len(accepted.Messages), len(accepted.Frame))
		i.writers[accepted.Lane].add(entry{Accepted: accepted})
	}
}

// Unreachable says that a peer's connection is gone.
func (i *Ingest) Unreachable(peer uplink.Peer) {
	i.mu.Lock()
	was, _ := i.receiver.Publisher(peer)
	i.receiver.Unreachable(peer)
	i.mu.Unlock()
	if was != "" {
		i.Registry.Gone(was)
	}
}

// stored acknowledges a block that is in the log.
func (i *Ingest) stored(class dataplane.Class, seq uint64, block *Block, entries []entry) {
	accepted := make([]*uplink.Accepted, 0, len(entries))
	for _, e := range entries {
		if e.stored == nil {
			accepted = append(accepted, e.Accepted)
		} else {
			close(e.stored)
		}
	}
	i.mu.Lock()
	i.marks.count(class, seq, block.Ranges)
	i.changed = true
	replies := i.receiver.Stored(accepted, time.Now())
	i.mu.Unlock()
	i.send(replies)
}

// Run works until ctx ends, and then until all that was accepted is stored,
// for 2 s at most. It returns ErrFenced if the log has another owner.
func (i *Ingest) Run(ctx context.Context) error {
	g, stop := errgroup.WithContext(ctx)
	// What is accepted is stored after ctx has ended, for a bounded time.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(stop, func() { time.AfterFunc(finishTime, cancel) })()
	for _, c := range dataplane.Classes {
		g.Go(func() error { return i.writers[c].run(work, stop) })
		g.Go(func() error { i.deliver(c); return nil })
	}
	g.Go(func() error { i.tick(stop); return nil })
	err := g.Wait()
	i.goodbye()
	i.dispatcher.Close()
	// The marks are saved after all else has ended, for a bounded time.
	last, done := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer done()
	return errors.Join(err, i.save(last))
}

// goodbye tells every publisher that this process is leaving.
func (i *Ingest) goodbye() {
	i.mu.Lock()
	replies := i.receiver.Goodbye("cloudsvc is shutting down")
	i.mu.Unlock()
	i.send(replies)
}

// deliver routes what is stored, until the writer ends.
func (i *Ingest) deliver(class dataplane.Class) {
	for d := range i.writers[class].delivered {
		i.dispatcher.Deliver(class, d.block, d.messages)
		i.noteTopics(d.messages)
	}
}

// noteTopics tells the registry who publishes what.
func (i *Ingest) noteTopics(messages []dataplane.Message) {
	topics := make(map[string][]string) // by publisher
	var last *dataplane.Message
	for k := range messages {
		m := &messages[k]
		if last != nil && last.Topic == m.Topic && last.ID.Publisher == m.ID.Publisher {
			continue
		}
		last = m
		if known := topics[m.ID.Publisher]; !slices.Contains(known, m.Topic) {
			topics[m.ID.Publisher] = append(known, m.Topic)
		}
	}
	for publisher, names := range topics {
		i.Registry.Published(publisher, names)
	}
}

// tick does what time alone brings.
func (i *Ingest) tick(ctx context.Context) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	saved := time.Now()
	for {
		select {
		case now := <-ticker.C:
			i.mu.Lock()
			replies := i.receiver.Tick(now)
			i.mu.Unlock()
			i.send(replies)
			if now.Sub(saved) >= saveEvery {
				saved = now
				if err := i.save(ctx); err != nil && ctx.Err() == nil {
					klog.FromContext(ctx).Error(err, "save the marks; a restart will read more of the log")
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

// save saves the marks if they changed.
func (i *Ingest) save(ctx context.Context) error {
	i.mu.Lock()
	if !i.changed {
		i.mu.Unlock()
		return nil
	}
	snapshot, err := i.marks.snapshot()
	i.changed = false
	i.mu.Unlock()
	if err == nil {
		err = i.Marks.SaveMarks(ctx, snapshot)
	}
	if err != nil {
		i.mu.Lock()
		i.changed = true
		i.mu.Unlock()
	}
	return err
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
