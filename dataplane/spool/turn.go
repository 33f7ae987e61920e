package spool

import (
	"errors"
	"io/fs"
	"time"
)

// turn seals a lane's segment, and begins the next one for a pass. The pass
// has none where the lane has moved to another epoch meanwhile.
func (w *writer) turn(p *pass) error {
	if err := w.seal(p.lane, another); err != nil {
		return err
	}
	return w.begin(p)
}

// seal ends a lane's segment with a footer.
func (w *writer) seal(l *lane, behind behind) error {
	w.spool.mu.Lock()
	seg := l.active
	if seg == nil {
		w.spool.mu.Unlock()
		return nil
	}
	file := seg.file
	w.spool.mu.Unlock()
	foot := footer{behind: behind, records: seg.written, series: seg.tally.counts()}
	b := foot.append(nil, seg.bytes)
	if _, err := file.Write(b); err != nil {
		w.abandon(l, seg)
		return err
	}
	s := w.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.active != seg {
		return nil // it could not be synced meanwhile
	}
	seg.bytes += int64(len(b))
	seg.counts, seg.sealed, seg.dirty, seg.tally = foot.series, true, true, nil
	l.active = nil
	s.nudgeUpkeep()
	return nil
}

// begin makes a new segment. The first of an epoch is synced, so that the
// epoch is never given again.
func (w *writer) begin(p *pass) error {
	s, l := w.spool, p.lane
	s.mu.Lock()
	durable, peak := l.durable, s.peak
	s.mu.Unlock()
	seg := &segment{
		lane: l.class, epoch: p.epoch, first: p.from, last: p.from - 1, accepted: p.from,
		created: time.Now(), newest: s.now(), tally: make(tally),
	}
	seg.name = seg.rightName()
	head := header{
		spool: s.id, publisher: s.publisher, lane: l.class, epoch: p.epoch, first: p.from,
		synced: s.storage.Sync == SyncAlways, boot: s.boot, created: s.now(), highest: peak,
	}
	b := head.append(nil)
	seg.bytes = int64(len(b))
	if err := w.create(seg, b, head.synced || !durable); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.epoch != p.epoch {
		l.spend(seg)
		return nil
	}
	l.durable = true
	l.segments = append(l.segments, seg)
	l.active, p.segment, p.file = seg, seg, seg.file
	l.retire()
	return nil
}

// create makes a segment's file. One that is in the way is of an attempt that
// failed: its records are being written again.
func (w *writer) create(seg *segment, b []byte, durable bool) error {
	f := w.spool.folder
	opened, err := f.create(seg.name)
	if errors.Is(err, fs.ErrExist) {
		if err := f.remove(seg.name); err != nil {
			return err
		}
		opened, err = f.create(seg.name)
	}
	if err != nil {
		return err
	}
	seg.file, seg.dirty = opened, !durable
	_, err = opened.Write(b)
	if err == nil && durable {
		err = errors.Join(opened.Sync(), f.sync())
	}
	if err != nil {
		_ = opened.Close()
		_ = f.remove(seg.name) // or it is found empty at the next start
	}
	return err
}

// abandon ends a segment that could not be written, without a footer. It gets
// a byte that is no entry, so that it is seen at the next start that more was
// accepted, and what came to disk late is cut off. Records that are still in
// memory are written again.
func (w *writer) abandon(l *lane, seg *segment) {
	s := w.spool
	s.mu.Lock()
	l.active, l.durable = nil, false
	seg.sealed, seg.tally = true, nil
	l.forgetEmpty(seg)
	file, bytes, empty := seg.file, seg.bytes, seg.empty()
	seg.file = nil
	s.mu.Unlock()
	if file == nil {
		return // it could not be synced meanwhile
	}
	_ = file.Truncate(bytes + 1)
	_ = file.Close()
	if empty {
		_ = s.folder.remove(seg.name)
	}
}
