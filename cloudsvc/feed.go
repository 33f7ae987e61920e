package cloudsvc

import (
	"context"
	"math"
	"time"

	"datastub/dataplane"
)

const (
	// portion is about how many bytes of lines a feed makes at once.
	portion = 256 << 10
	// feedRetry is how long a feed waits before it reads the log again that did
	// not answer.
	feedRetry = time.Second
)

// A feed is what a subscription reads that is behind the live stream: the
// log, and the blocks that were routed last. Both classes go on in turn, each
// in its order. It reaches nothing that has not been routed, so that the live
// stream goes on exactly where it ends. One goroutine uses it.
type feed struct {
	dispatcher *Dispatcher
	filter     dataplane.Filter
	at         Position // of the last line had
	turn       int      // which of dataplane.Classes comes next
	lines      lines    // made and not taken
}

// resume begins at a position that a subscriber gave. Where that is not one of
// this log, or not any more, it says so and goes on with what is there.
func (f *feed) resume(at, end Position) {
	f.at = at
	f.at.Incarnation = end.Incarnation
	var gaps []Gap
	for _, class := range dataplane.Classes {
		given, last := at.place(class), end.place(class)
		switch {
		case at.Incarnation != end.Incarnation:
			f.at.advance(class, Place{})
			gaps = append(gaps, logGap(at.Incarnation, class, given.next().Block, dataplane.Open, otherLog))
		case given.after(last):
			f.at.advance(class, last)
			gaps = append(gaps, logGap(at.Incarnation, class, last.next().Block, dataplane.Open, lostEnd(class, last.Block)))
		}
	}
	for i := range gaps {
		f.tell(&gaps[i])
	}
}

// next returns lines, or none where the feed has come to the end of what was
// routed up to a position.
func (f *feed) next(ctx context.Context, end Position) (lines, error) {
	for len(f.lines.text) == 0 {
		class, ok := f.behind(end)
		if !ok {
			return lines{}, nil
		}
		if err := f.step(ctx, class, end.place(class)); err != nil {
			return lines{}, err
		}
		if err := ctx.Err(); err != nil {
			return lines{}, err
		}
	}
	return f.take(), nil
}

// take returns what was made.
func (f *feed) take() lines {
	made := f.lines
	made.position = f.at
	f.lines = lines{}
	return made
}

// behind returns the next class that has not come to the end.
func (f *feed) behind(end Position) (class dataplane.Class, ok bool) {
	for range dataplane.Classes {
		class = dataplane.Classes[f.turn]
		f.turn = (f.turn + 1) % len(dataplane.Classes)
		if f.at.place(class) != end.place(class) {
			return class, true
		}
	}
	return class, false
}

// step goes on with a class: to its end, or until there is a portion of lines,
// or by as much of the log as is read at once.
func (f *feed) step(ctx context.Context, class dataplane.Class, end Place) error {
	if f.recent(class, end, portion) {
		return nil
	}
	history := f.dispatcher.history
	giveBack, err := history.turn(ctx)
	if err != nil {
		return err
	}
	defer giveBack()
	want := f.at.place(class).next().Block
	blocks, err := history.from(ctx, class, want)
	switch {
	case isContextError(err) && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return f.wait(ctx)
	case len(blocks) == 0:
		f.missing(class, want, end.Block)
		f.at.advance(class, end)
		return nil
	}
	f.past(class, blocks, end)
	return nil
}

// wait lets some time pass until the log is asked again.
func (f *feed) wait(ctx context.Context) error {
	select {
	case <-time.After(feedRetry):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// recent goes on with what was routed last, and tells whether that has it.
func (f *feed) recent(class dataplane.Class, end Place, most int) bool {
	for f.at.place(class) != end && len(f.lines.text) < most {
		b := f.dispatcher.recentFrom(class, f.at.place(class).next().Block)
		if b == nil {
			return len(f.lines.text) > 0
		}
		f.block(class, b, end, most)
	}
	return true
}

// past goes on with blocks of the log.
func (f *feed) past(class dataplane.Class, blocks []*pastBlock, end Place) {
	history := f.dispatcher.history
	for _, p := range blocks {
		if want := f.at.place(class).next().Block; p.seq > want {
			f.missing(class, want, min(p.seq-1, end.Block))
		}
		if p.seq > end.Block {
			f.at.advance(class, end)
			return
		}
		if history.mayMatch(p, f.filter) {
			f.open(class, p, end)
		} else {
			history.metrics.historySkipped.Inc()
			f.reach(class, p.seq, end)
		}
		if f.at.place(class) == end || len(f.lines.text) >= portion {
			return
		}
	}
}

// open goes on with a block that may have something.
func (f *feed) open(class dataplane.Class, p *pastBlock, end Place) {
	b, err := f.dispatcher.history.unpack(p)
	if err != nil {
		f.reach(class, p.seq, end)
		f.gap(class, p.seq, p.seq, unreadable(class, p.seq))
		return
	}
	f.block(class, b, end, portion)
}

// block makes lines of a block, from where the feed is to the end, or until
// there are so many bytes.
func (f *feed) block(class dataplane.Class, b *storedBlock, end Place, most int) {
	from, to := b.span(f.at.place(class), end)
	for i, line := range b.lines(from, to) {
		if !line.matches(f.filter) {
			continue
		}
		f.at.advance(class, Place{b.seq, i})
		f.lines.add(line.message, f.at)
		if len(f.lines.text) >= most {
			return
		}
	}
	f.reach(class, b.seq, end)
}

// reach goes to the end of a block, or to the end if that is before it.
func (f *feed) reach(class dataplane.Class, block uint64, end Place) {
	if block >= end.Block {
		f.at.advance(class, end)
	} else {
		f.at.advance(class, endOf(block))
	}
}

// missing tells that blocks are gone.
func (f *feed) missing(class dataplane.Class, from, to uint64) {
	if to < from {
		return
	}
	f.at.advance(class, endOf(to))
	f.gap(class, from, to, trimmed(class, from, to))
}

// gap makes a line that tells of a gap in the log.
func (f *feed) gap(class dataplane.Class, from, to uint64, reason string) {
	g := logGap(f.at.Incarnation, class, from, to, reason)
	f.tell(&g)
}

func (f *feed) tell(g *Gap) {
	m := g.message()
	f.lines.add(&m, f.at)
	f.dispatcher.metrics.logGaps.Inc()
}

// finish makes lines of all that is left of a class, which is in the ring.
func (f *feed) finish(class dataplane.Class, recent *ring, end Place) {
	for f.at.place(class) != end {
		f.block(class, recent.from(f.at.place(class).next().Block), end, math.MaxInt)
	}
}
