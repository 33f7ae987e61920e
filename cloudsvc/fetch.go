package cloudsvc

import (
	"context"
	"time"

	"datastub/dataplane"
)

// fetchRetry is how long a fetch waits before it reads the log again that did
// not answer.
const fetchRetry = time.Second

// A fetch reads, in its turn, the blocks of a class that come next for a feed,
// which goes on with the other class meanwhile.
type fetch struct {
	class  dataplane.Class
	filter dataplane.Filter
	at     Place // behind which it reads
	end    Place // up to which was routed when it began

	cancel context.CancelFunc
	done   chan struct{}  // closed when the rest is known
	blocks []fetchedBlock // those that come first; none: there are no more
}

// A fetchedBlock is a block that is in the log.
type fetchedBlock struct {
	past *pastBlock
	skip bool // there is nothing in it for the feed
}

// fetch begins to read what is behind a place. It goes on when ctx ends, until
// it is stopped.
func (h *History) fetch(ctx context.Context, filter dataplane.Filter, class dataplane.Class, at, end Place) *fetch {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &fetch{class: class, filter: filter, at: at, end: end, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.run(ctx, h)
	}()
	return f
}

// ready is closed when all was read. A fetch that there is not never is.
func (f *fetch) ready() <-chan struct{} {
	if f == nil {
		return nil
	}
	return f.done
}

// stop breaks off and waits until nothing runs any more.
func (f *fetch) stop() {
	if f != nil {
		f.cancel()
		<-f.done
	}
}

// run reads, again and again until the log answers.
func (f *fetch) run(ctx context.Context, h *History) {
	for f.read(ctx, h) != nil {
		select {
		case <-time.After(fetchRetry):
		case <-ctx.Done():
			return
		}
	}
}

// read reads when it is its turn.
func (f *fetch) read(ctx context.Context, h *History) error {
	if err := h.turns[f.class].Acquire(ctx, 1); err != nil {
		return err
	}
	defer h.turns[f.class].Release(1)
	blocks, err := h.from(ctx, f.class, f.at.next().Block)
	if err == nil {
		f.take(h, blocks)
	}
	return err
}

// take takes the first blocks, until a portion of them is for the feed, and has
// them unpacked.
func (f *fetch) take(h *History, blocks []*pastBlock) {
	size := 0
	for _, p := range blocks {
		if !h.mayMatch(p, f.filter) {
			f.blocks = append(f.blocks, fetchedBlock{p, true})
			continue
		}
		f.blocks = append(f.blocks, fetchedBlock{past: p})
		_, _ = h.unpack(p) // what is wrong with it is told when the feed is there
		if size += p.size; size >= portion {
			return
		}
	}
}
