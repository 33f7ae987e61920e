package cloudsvc

import (
	"context"
	"errors"
	"time"

	"k8s.io/klog/v2"

	"datastub/dataplane"
)

// restore loads the marks that were saved and counts the blocks behind them.
// The log is what counts: a snapshot that is missing, old or not readable only
// makes it read more, and one that knows of more than the log does is dropped.
// It returns who has written to the log, which that does not tell.
func (i *Ingest) restore(ctx context.Context) (eras, error) {
	began, err := i.loadEras(ctx)
	if err != nil {
		return nil, err
	}
	snapshot, err := i.options.Marks.LoadMarks(ctx)
	if err != nil {
		return nil, err
	}
	if snapshot != nil {
		loaded, inMarks, err := parseMarks(snapshot)
		if err != nil {
			klog.FromContext(ctx).Error(err, "The saved marks cannot be read; the whole log is read instead")
		} else {
			i.marks, began = loaded, began.and(inMarks)
		}
	}
	for _, c := range dataplane.Classes {
		if err := i.replay(ctx, c); err != nil {
			return nil, err
		}
	}
	if len(began) == 0 && i.reached().ahead(Position{}) {
		klog.FromContext(ctx).Error(errNoEras, "Nobody knows whether positions from before are of this log: subscribers that come back, and durable subscriptions, are told a gap and get all that the log has")
	}
	for key, lane := range i.marks.lanes {
		if !isNumbered(key.publisher) {
			i.receiver.Restore(key.publisher, lane.spool, key.class, lane.mark, lane.ended)
		}
	}
	return began, nil
}

// loadEras loads who has written to the log. A record that cannot be read is as
// good as none: what it would keep silent may be lost, and ingest does not wait
// for somebody who puts it back.
func (i *Ingest) loadEras(ctx context.Context) (eras, error) {
	record, err := i.options.Eras.LoadEras(ctx)
	if err != nil || record == nil {
		return nil, err
	}
	began, err := parseEras(record)
	if err != nil {
		klog.FromContext(ctx).Error(err, "The record of who has written to the log cannot be read, and is begun anew")
	}
	return began, nil
}

// reached returns the position up to which the log was counted, of no
// incarnation.
func (i *Ingest) reached() (at Position) {
	for _, c := range dataplane.Classes {
		at.advance(c, endOf(i.marks.blocks[c]))
	}
	return at
}

// replay counts a class's blocks behind the snapshot. Where the log has lost
// its end, as a server without a sync may at a power failure, the snapshot's
// marks are beyond what is stored: publishers would be told that it is, and
// forget it. What they know to be durable is still there.
func (i *Ingest) replay(ctx context.Context, class dataplane.Class) error {
	visit := func(seq uint64, stored time.Time, raw []byte) error {
		i.recount(ctx, class, seq, stored, raw)
		return nil
	}
	after := i.marks.blocks[class]
	err := i.options.Log.Replay(ctx, class, after, visit)
	if errors.Is(err, ErrTruncated) {
		klog.FromContext(ctx).Error(err, "The saved marks are ahead of the log; the whole log is read instead", "class", class, "marks", after)
		err = i.replayAll(ctx, class, visit)
	}
	if err != nil {
		return err
	}
	return i.reachEnd(ctx, class)
}

// replayAll counts all of a class's blocks. What the log has no more by its
// limits is known of the lanes that did not come behind its end.
func (i *Ingest) replayAll(ctx context.Context, class dataplane.Class, visit Visit) error {
	_, last, err := i.options.Log.Ends(ctx, class)
	if err != nil {
		return err
	}
	i.marks.forget(class, last)
	i.changed = true
	return i.options.Log.Replay(ctx, class, 0, visit)
}

// reachEnd goes to a class's end where limits have taken blocks there that nobody
// has counted: what comes next stands behind them, and nothing is known of them.
func (i *Ingest) reachEnd(ctx context.Context, class dataplane.Class) error {
	_, last, err := i.options.Log.Ends(ctx, class)
	if err != nil {
		return err
	}
	if t := i.marks.trails[class]; t.since == 0 || last > i.marks.blocks[class] {
		i.marks.trails[class], i.marks.blocks[class] = t.behind(last), last
	}
	return nil
}

// recount counts a block. One that cannot be read is no block: if nothing came
// behind it, its publishers are asked for its records again.
func (i *Ingest) recount(ctx context.Context, class dataplane.Class, seq uint64, stored time.Time, raw []byte) {
	block, err := ParseBlock(raw)
	if err != nil {
		klog.FromContext(ctx).Error(err, "A block cannot be read and is skipped", "class", class, "block", seq)
		i.options.Metrics.corruptBlocks.Inc()
		return
	}
	i.marks.count(class, seq, block.Ranges, block.Before.with(seq, block.Shelf, block.Shelves))
	i.noteRequests(block, seq, stored)
	gaps, err := block.gaps(stored)
	if err != nil {
		klog.FromContext(ctx).Error(err, "A gap cannot be read and is not listed", "class", class, "block", seq)
	}
	for _, g := range gaps {
		i.noteGap(seq, g)
	}
	i.changed = true
}
