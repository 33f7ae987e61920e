package cloudsvc

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// deliveries is how many stored blocks of a class may wait to be routed.
// When it is full the log waits too, then the credit runs out and the edges
// keep what they have: nothing is dropped.
const deliveries = 16

// maxAhead is how many of the entries that wait are looked at for one block:
// those of other shelves are passed by. A lane that waits long costs the others
// time, but no order.
const maxAhead = 4096

// The bounds of the wait between two tries to store a block.
const (
	minRetry = 50 * time.Millisecond
	maxRetry = 5 * time.Second
)

// entry is one frame's records on their way into the log.
type entry struct {
	*uplink.Accepted
	key    *RequestKey // of the request that it came with; nil: it had none
	stored func()      // called when they are there; nil: they came by the uplink, which acknowledges them
}

// writer puts one class's entries into the log, one block after the other: a
// block is whatever came while the one before it was being stored.
type writer struct {
	class   dataplane.Class
	log     Log
	stored  func(b *blockBuilder, s *storedBlock) // called for each block that is in the log
	metrics *Metrics
	now     func() time.Time

	hashes  *topicHashes // the writing goroutine's, as are
	shelver *shelver
	places  []placement // of the first of what is pending,
	trail   trail       // and of all that was stored

	wake      chan struct{}     // holds one token while something may be pending
	delivered chan *storedBlock // on their way to the subscriptions

	mu      sync.Mutex
	pending []entry // not stored yet, those of the block in flight first
	err     error   // why the last try to store failed; nil: it did not
}

func newWriter(class dataplane.Class, key topicKey, log Log, shelves []Shelf, metrics *Metrics, now func() time.Time) *writer {
	return &writer{
		class: class, log: log, hashes: newTopicHashes(key), shelver: newShelver(shelves), metrics: metrics, now: now,
		wake: make(chan struct{}, 1), delivered: make(chan *storedBlock, deliveries),
	}
}

// add queues an entry. What may be queued is bounded by the credit that was
// granted for it, or by the budget of what cloudsvc itself numbers.
func (w *writer) add(e entry) {
	w.mu.Lock()
	w.pending = append(w.pending, e)
	w.mu.Unlock()
	w.metrics.pending(w.class, len(e.Frame))
	signal(w.wake)
}

// waiting returns what is pending. It is not changed but by done: add writes
// behind its end.
func (w *writer) waiting() []entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pending
}

// left returns how many messages wait that their publishers keep, as they came
// by the uplink, and how many nobody does.
func (w *writer) left() (kept, lost uint64) {
	for _, e := range w.waiting() {
		if n := e.Last - e.First + 1; e.stored == nil {
			kept += n
		} else {
			lost += n
		}
	}
	return kept, lost
}

// done takes away some of what is pending, by its indexes.
func (w *writer) done(taken []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = without(w.pending, taken)
	w.places = without(w.places, taken)
	if len(w.pending) == 0 {
		w.pending = nil
	}
}

// without returns what is left without elements with rising indexes: those that
// stood before the last of them are moved towards it. It costs nothing for what
// is behind. The array does not keep what is gone.
func without[T any](all []T, gone []int) []T {
	to := gone[len(gone)-1]
	for n := len(gone) - 1; n >= 0; n-- {
		from := 0
		if n > 0 {
			from = gone[n-1] + 1
		}
		kept := all[from:gone[n]]
		to -= len(kept)
		copy(all[to+1:], kept)
	}
	clear(all[:to+1])
	return all[to+1:]
}

// run stores what is added until stop has ended and nothing is left to store,
// or until ctx ends. It returns the log's error if there is no going on: see
// isLost.
func (w *writer) run(ctx, stop context.Context) error {
	defer close(w.delivered)
	for {
		entries := w.waiting()
		if len(entries) == 0 {
			select {
			case <-w.wake:
				continue
			case <-stop.Done():
				return nil
			}
		}
		if err := w.store(ctx, entries); err != nil {
			if isLost(err) {
				return err
			}
			return nil // ctx has ended
		}
	}
}

// store puts the first entries into the log, as many as make one block.
func (w *writer) store(ctx context.Context, entries []entry) error {
	b := newBlockBuilder(w.class, w.hashes, w.trail)
	b.fill(entries, w.place(entries), w.shelver)
	raw := b.Append(nil)
	started := time.Now()
	seq, err := w.append(ctx, b.Shelf, raw)
	if err != nil {
		return err
	}
	w.trail = w.trail.with(seq, b.Shelf, b.Shelves)
	w.metrics.blockStored(w.class, len(raw), len(b.messages), time.Since(started))
	for _, e := range b.entries {
		w.metrics.pending(w.class, -len(e.Frame))
	}
	s := &storedBlock{seq, b.messages, b.gaps(w.now()), int(b.weight), w.trail}
	w.stored(b, s)
	w.done(b.taken)
	select {
	case w.delivered <- s:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// place returns where the first of the entries go, up to maxAhead of them.
func (w *writer) place(entries []entry) []placement {
	for n := len(w.places); n < min(len(entries), maxAhead); n++ {
		w.places = append(w.places, w.shelver.place(entries[n].Accepted))
	}
	return w.places
}

// append stores a block, again and again until the log answers.
func (w *writer) append(ctx context.Context, shelf uint32, raw []byte) (seq uint64, err error) {
	for wait := minRetry; ; wait = min(2*wait, maxRetry) {
		seq, err = w.log.Append(ctx, w.class, shelf, raw)
		w.note(ctx, err)
		if err == nil || ctx.Err() != nil || isLost(err) {
			return seq, err
		}
		w.metrics.storeErrors.Inc()
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// note keeps how the last try went, and logs it when that has changed.
func (w *writer) note(ctx context.Context, err error) {
	w.mu.Lock()
	was := w.err
	w.err = err
	w.mu.Unlock()
	log := klog.FromContext(ctx)
	switch {
	case err == nil && was != nil:
		log.Info("The log takes blocks again", "class", w.class)
	case err != nil && (was == nil || was.Error() != err.Error()) && ctx.Err() == nil:
		log.Error(err, "A block was not stored; it is tried again", "class", w.class)
	}
}

// health returns why the last try to store failed, or nil.
func (w *writer) health() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
