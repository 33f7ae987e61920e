package cloudsvc

import (
	"context"
	"math"
	"slices"

	"datastub/dataplane"
)

// portion is about how many bytes of lines a feed makes at once, and how many of
// blocks it has fetched.
const portion = 256 << 10

// A feed is what a subscription reads that is behind the live stream: the
// log, and the blocks that were routed last. Both classes go on in turn, each
// in its order, and RT does not wait for BT. It reaches nothing that has not
// been routed, so that the live stream goes on exactly where it ends. One
// goroutine uses it.
type feed struct {
	dispatcher *Dispatcher
	filter     dataplane.Filter
	classes    []dataplane.Class                  // which it reads, of dataplane.Classes
	wake       <-chan struct{}                    // has a token when the subscription was ended
	at         Position                           // of the last line had
	turn       int                                // which of classes comes next
	fetches    [len(dataplane.Classes) + 1]*fetch // by Class; nil: nothing is being read
	missed     [len(dataplane.Classes) + 1]missed // by Class
	lines      lines                              // made and not taken
}

// resume begins at a position that a subscriber gave. Where that is not one of
// this log, or not any more, it says so and goes on with what is there.
func (f *feed) resume(at, end Position) {
	f.at = at
	f.at.Incarnation = end.Incarnation
	holds, known := f.dispatcher.eras.end(at.Incarnation, end)
	var gaps []Gap
	for _, class := range dataplane.Classes {
		given, last := at.place(class), holds.place(class)
		var gap Gap
		switch {
		case !known:
			f.at.advance(class, Place{})
			gap = logGap(at.Incarnation, class, given.next().Block, dataplane.Open, otherLog)
		case given.after(last):
			f.at.advance(class, last)
			gap = logGap(at.Incarnation, class, last.next().Block, dataplane.Open, lostEnd(class, last.Block))
		default:
			continue
		}
		if slices.Contains(f.classes, class) {
			gaps = append(gaps, gap)
		}
	}
	for i := range gaps {
		f.tell(&gaps[i])
	}
}

// begin goes on behind what came live, of any shelf.
func (f *feed) begin(at Position) {
	f.at = at
	clear(f.missed[:])
}

// next returns lines, or none where the feed has come nearer without any. It
// waits while there is nothing to go on with, unless there is something to
// receive that interrupts.
func (f *feed) next(ctx context.Context, interrupt <-chan struct{}) (lines, error) {
	end, moreRT := f.dispatcher.watch()
	if len(f.lines.text) == 0 && !f.step(ctx, end) && f.isBehind(end) {
		if err := f.wait(ctx, moreRT, interrupt); err != nil {
			return lines{}, err
		}
	}
	made := f.take()
	if len(made.text) > 0 {
		return made, nil
	}
	return made, ctx.Err()
}

// step goes on with the class whose turn it is, or with the other one where
// that waits for the log. It tells whether any could go on.
func (f *feed) step(ctx context.Context, end Position) bool {
	for range f.classes {
		class := f.classes[f.turn]
		f.turn = (f.turn + 1) % len(f.classes)
		if f.at.place(class) != end.place(class) && f.advance(ctx, class, end.place(class)) {
			return true
		}
	}
	return false
}

// isBehind tells whether a position has not been reached, of the classes that
// are read.
func (f *feed) isBehind(end Position) bool {
	return slices.ContainsFunc(f.classes, func(class dataplane.Class) bool { return f.at.place(class) != end.place(class) })
}

// wait waits until a class may go on, RT while BT is being fetched, or until the
// subscription was ended.
func (f *feed) wait(ctx context.Context, moreRT, interrupt <-chan struct{}) error {
	select {
	case <-f.wake:
	case <-moreRT:
	case <-interrupt:
		return errInterrupted
	case <-f.fetches[dataplane.RT].ready():
	case <-f.fetches[dataplane.BT].ready():
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// stop breaks off what is being fetched.
func (f *feed) stop() {
	for class, fetch := range f.fetches {
		fetch.stop()
		f.fetches[class] = nil
	}
}

// take returns what was made.
func (f *feed) take() lines {
	made := f.lines
	made.position = f.at
	f.lines = lines{}
	return made
}

// advance goes on with a class: to its end, or until there is a portion of
// lines, or by as much of the log as is fetched at once. It tells whether it
// could: what is not in memory is fetched first.
func (f *feed) advance(ctx context.Context, class dataplane.Class, end Place) bool {
	if f.recent(class, end, portion) {
		return true
	}
	at, fetched := f.at.place(class), f.fetches[class]
	if fetched == nil {
		f.fetches[class] = f.dispatcher.history.fetch(ctx, f.filter, class, at, end)
		return false
	}
	select {
	case <-fetched.done:
	default:
		return false
	}
	fetched.stop()
	f.fetches[class] = nil
	if fetched.at == at { // else the feed went on without it
		f.past(class, fetched.blocks, fetched.end)
	}
	return true
}

// recent goes on with what was routed last, and tells whether that has it.
func (f *feed) recent(class dataplane.Class, end Place, most int) bool {
	for f.at.place(class) != end && len(f.lines.text) < most {
		b := f.dispatcher.recentFrom(class, f.at.place(class).next().Block)
		if b == nil {
			return len(f.lines.text) > 0
		}
		clear(f.missed[class]) // it is not looked at of which shelf they are
		f.block(class, b, end, most)
	}
	return true
}

// past goes on with blocks of the log, which has no others up to the end where
// there are none.
func (f *feed) past(class dataplane.Class, blocks []fetchedBlock, end Place) {
	if len(blocks) == 0 {
		f.missing(class, f.at.place(class).next().Block, end.Block, f.dispatcher.trail(class))
		f.at.advance(class, end)
	}
	for _, b := range blocks {
		if want := f.at.place(class).next().Block; b.past.seq > want {
			f.missing(class, want, min(b.past.seq-1, end.Block), b.past.before())
		}
		if b.past.seq > end.Block {
			f.at.advance(class, end)
			return
		}
		f.missed[class].found(b.past)
		if b.skip {
			f.dispatcher.metrics.historySkipped.Inc()
			f.reach(class, b.past.seq, end)
		} else {
			f.open(class, b.past, end)
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

// missing tells that blocks are gone, where that may concern the subscriber, by
// the trail of what was before the next one that is there.
func (f *feed) missing(class dataplane.Class, from, to uint64, before trail) {
	if to < from {
		return
	}
	f.at.advance(class, endOf(to))
	if f.misses(class, from, before) {
		f.gap(class, from, to, trimmed(class, from, to))
	}
}

// misses tells whether the subscriber misses something of the blocks from one on
// that are gone, and was not told yet.
func (f *feed) misses(class dataplane.Class, from uint64, before trail) bool {
	lost, known := before.from(from)
	if !known {
		return true
	}
	tell := false
	for _, m := range lost {
		if f.dispatcher.mayHold(m.topics, f.filter) && f.missed[class].add(m.shelf) {
			tell = true
		}
	}
	return tell
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
