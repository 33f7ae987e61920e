package cloudsvc

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"k8s.io/klog/v2"

	"datastub/dataplane"
)

const (
	// historyReaders is how many subscriptions are served from the log of one
	// class at once. The others wait for their turn, which is one portion; it is
	// little enough to leave the processor and the disk to what comes in. RT has
	// turns of its own: it does not wait for BT.
	historyReaders = 2
	// historySeeks is in how many places is looked at once for what was stored at
	// a time. The others wait.
	historySeeks = 8
	// maxRunBytes and maxRunBlocks are about how much of the log is read at
	// once.
	maxRunBytes  = 4 << 20
	maxRunBlocks = 256
	// maxRuns is how many of these are kept for others at the same place.
	maxRuns = 16
	// maxUnpacked is about how much memory unpacked blocks may take, in bytes.
	maxUnpacked = 64 << 20
	// runTime is how long the log may take for one run, and a seek with its wait.
	runTime = 10 * time.Second
	// complainEvery is how often it is logged, of a class, that it does not answer.
	complainEvery = time.Minute
)

// A History reads what was stored for those who are behind. What it has read
// is shared by those who are at the same place.
type History struct {
	log     Log
	packer  *dataplane.Packer
	metrics *Metrics
	turns   [len(dataplane.Classes) + 1]*semaphore.Weighted // by Class, in the order in which they are asked for
	seeks   *semaphore.Weighted
	names   topicNames

	mu       sync.Mutex
	runs     []*historyRun                         // those asked for last at the end
	unpacked []*pastBlock                          // the oldest first
	weight   int                                   // of them together, in bytes
	logged   [len(dataplane.Classes) + 1]time.Time // by Class, when it was that the log did not answer
}

// A historyRun is consecutive blocks of the log.
type historyRun struct {
	class  dataplane.Class
	first  uint64        // asked for
	done   chan struct{} // closed when the rest is known
	blocks []*pastBlock  // all that there are from first on, up to the last one
	err    error
}

// NewHistory returns the history that a log holds.
func NewHistory(log Log, packer *dataplane.Packer, metrics *Metrics) *History {
	h := &History{log: log, packer: packer, metrics: metrics, seeks: semaphore.NewWeighted(historySeeks)}
	for _, class := range dataplane.Classes {
		h.turns[class] = semaphore.NewWeighted(historyReaders)
	}
	return h
}

// before is Log.Before, in its turn and in bounded time.
func (h *History) before(ctx context.Context, class dataplane.Class, at time.Time) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	if err := h.seeks.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	defer h.seeks.Release(1)
	return h.log.Before(ctx, class, at)
}

// from returns the blocks of a class from a sequence on that are there, some of
// them, in order; none where there are no more.
func (h *History) from(ctx context.Context, class dataplane.Class, seq uint64) ([]*pastBlock, error) {
	for {
		run, mine := h.run(class, seq)
		if mine {
			h.read(ctx, run)
		}
		select {
		case <-run.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if isContextError(run.err) && !mine && ctx.Err() == nil {
			continue // its reader has left, or had no time: we are another
		}
		return run.from(seq), run.err
	}
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// from returns the blocks with this sequence or a later one.
func (r *historyRun) from(seq uint64) []*pastBlock {
	for i, b := range r.blocks {
		if b.seq >= seq {
			return r.blocks[i:]
		}
	}
	return nil
}

// run returns the run that has a sequence, or a new one, which is the caller's
// to read.
func (h *History) run(class dataplane.Class, seq uint64) (run *historyRun, mine bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, run := range h.runs {
		if run.class == class && run.has(seq) {
			h.runs = append(append(h.runs[:i], h.runs[i+1:]...), run)
			return run, false
		}
	}
	if len(h.runs) == maxRuns {
		h.runs[0] = nil
		h.runs = h.runs[1:]
	}
	run = &historyRun{class: class, first: seq, done: make(chan struct{})}
	h.runs = append(h.runs, run)
	return run, true
}

// has tells whether the block with a sequence is in the run, if it is at all.
func (r *historyRun) has(seq uint64) bool {
	select {
	case <-r.done:
		n := len(r.blocks)
		return r.first <= seq && n > 0 && seq <= r.blocks[n-1].seq
	default:
		return r.first == seq
	}
}

// errEnough ends a replay that has read a run.
var errEnough = errors.New("enough is read")

// read reads a run. One that is of no use to others is forgotten.
func (h *History) read(ctx context.Context, run *historyRun) {
	inTime, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	size := 0
	err := h.log.Replay(inTime, run.class, run.first-1, func(seq uint64, stored time.Time, raw []byte) error {
		run.blocks = append(run.blocks, newPastBlock(seq, stored, raw))
		if size += len(raw); size >= maxRunBytes || len(run.blocks) == maxRunBlocks {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		run.err, run.blocks = err, nil
		h.metrics.historyErrors.Inc()
		h.complain(ctx, run)
	}
	h.metrics.historyBlocks.Add(float64(len(run.blocks)))
	close(run.done)
	if len(run.blocks) == 0 {
		h.forget(run)
	}
}

// complain logs, now and then, why a run was not read, unless its reader has left.
func (h *History) complain(ctx context.Context, run *historyRun) {
	if ctx.Err() != nil {
		return
	}
	h.mu.Lock()
	now := time.Now()
	due := now.Sub(h.logged[run.class]) >= complainEvery
	if due {
		h.logged[run.class] = now
	}
	h.mu.Unlock()
	if due {
		klog.FromContext(ctx).Error(run.err, "The log was not read for subscribers that are behind; it is tried again", "class", run.class, "from", run.first)
	}
}

func (h *History) forget(run *historyRun) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.runs {
		if h.runs[i] == run {
			h.runs = append(h.runs[:i], h.runs[i+1:]...)
			return
		}
	}
}

// mayMatch tells whether there may be something in a block for who subscribes
// to a filter. What cannot be read is for everybody.
func (h *History) mayMatch(p *pastBlock, filter dataplane.Filter) bool {
	return p.block == nil || len(p.block.Topics) == 0 || h.names.mayMatch(p.block, filter) ||
		filter.Match(dataplane.GapTopic) && p.hasLosses()
}

// unpack returns a block as it was routed. It wraps ErrCorrupt where that
// cannot be made out.
func (h *History) unpack(p *pastBlock) (*storedBlock, error) {
	if p.block == nil {
		return nil, ErrCorrupt
	}
	p.unpacking.Lock()
	defer p.unpacking.Unlock()
	if b := p.unpacked.Load(); b != nil {
		return b, nil
	}
	b, err := p.unpack(h.packer)
	if err != nil {
		return nil, err
	}
	h.names.add(b, p.block.Key)
	p.unpacked.Store(b)
	h.keep(p, b.weight)
	return b, nil
}

// keep counts what an unpacked block takes, and lets go of the oldest where
// they take too much.
func (h *History) keep(p *pastBlock, weight int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unpacked = append(h.unpacked, p)
	for h.weight += weight; h.weight > maxUnpacked && len(h.unpacked) > 1; h.unpacked = h.unpacked[1:] {
		h.weight -= h.unpacked[0].unpacked.Swap(nil).weight
		h.unpacked[0] = nil // else the array would keep it
	}
}
