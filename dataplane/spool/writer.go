package spool

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"datastub/dataplane"
)

const (
	// maxWrite is about the most bytes in one write, and maxRun the most
	// records.
	maxWrite = 1 << 20
	maxRun   = 4096
	// retryWrite is the wait after the disk failed.
	retryWrite = time.Second
)

// writer writes what is accepted to the lanes' segments: all that came while
// the write before was under way at once. It alone adds segments, and drops
// them where there are too many.
type writer struct {
	spool  *Spool
	buffer []byte
}

// run writes until ctx ends, and then what is left.
func (w *writer) run(ctx context.Context) {
	retry := time.NewTicker(retryWrite)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			w.writeAll()
			return
		case <-w.spool.disk.kick:
		case <-retry.C: // what could not be written before
			w.sealOld()
		}
		w.writeAll()
	}
}

// sealOld seals segments that nothing is written to any more, so that they
// can become too old.
func (w *writer) sealOld() {
	for _, l := range w.spool.lanes {
		w.spool.mu.Lock()
		old := l.active != nil && l.active.last >= l.active.first && w.spool.ripe(l.active)
		w.spool.mu.Unlock()
		if !old {
			continue
		}
		if err := w.seal(l, another); err != nil {
			w.spool.mu.Lock()
			w.spool.fail(err)
			w.spool.mu.Unlock()
		}
	}
}

// writeAll writes until there is nothing to write, or the disk fails.
func (w *writer) writeAll() {
	for w.step() {
	}
}

// pass is what is written of a lane in one step.
type pass struct {
	lane     *lane
	segment  *segment // nil: a new one is wanted
	file     file     // the segment's
	epoch    uint64
	from     uint64
	messages []dataplane.Message
}

// step writes what has come of each lane, and tells whether there was any.
func (w *writer) step() bool {
	s := w.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disk.flying, s.disk.queued = s.disk.queued, time.Time{}
	some := false
	for _, c := range dataplane.Classes {
		p, any := w.next(s.lanes[c])
		if !any {
			continue
		}
		some = true
		s.mu.Unlock()
		err := w.write(&p)
		s.mu.Lock()
		if err != nil {
			s.fail(err)
			return false
		}
	}
	w.landed(!some)
	return some
}

// landed ends a step. Nothing left to write ends a fault.
func (w *writer) landed(nothing bool) {
	d := &w.spool.disk
	d.flying = time.Time{}
	d.stall.Stop()
	if !d.queued.IsZero() {
		d.stall.Reset(maxBlock - time.Since(d.queued))
	}
	if nothing && d.fault != nil {
		w.spool.mend()
	}
}

// next returns what is to be written of a lane, if there is any.
func (w *writer) next(l *lane) (p pass, some bool) {
	from := max(l.written+1, l.first) // what was dropped between is a hole
	n := int(min(l.next()-from, maxRun))
	if n == 0 && (l.active != nil || w.spool.disk.fault == nil) {
		return p, false // else a new segment shows whether the disk is well again
	}
	p = pass{lane: l, epoch: l.epoch, from: from, messages: l.records.slice(int(from-l.first), n)}
	if a := l.active; a != nil && a.last+1 == from && !w.spool.ripe(a) {
		p.segment, p.file = a, a.file
	}
	return p, true
}

// ripe tells whether a segment is large or old enough to be sealed.
func (s *Spool) ripe(a *segment) bool {
	age := s.storage.segmentAge()
	return a.bytes >= s.storage.segmentBytes() || age > 0 && !a.created.IsZero() && time.Since(a.created) >= age
}

// write writes a pass.
func (w *writer) write(p *pass) error {
	if p.segment == nil {
		if err := w.turn(p); err != nil || p.segment == nil {
			return err
		}
	}
	if len(p.messages) == 0 {
		return nil
	}
	seg := p.segment
	place := seg.written
	w.buffer = w.buffer[:0]
	n := 0
	for n < len(p.messages) && len(w.buffer) < maxWrite {
		w.buffer = appendRecord(w.buffer, place, &p.messages[n])
		place++
		n++
	}
	_, err := p.file.Write(w.buffer)
	if err == nil && w.spool.storage.Sync == SyncAlways {
		err = p.file.Sync()
	}
	if err != nil {
		w.abandon(p.lane, seg)
		return err
	}
	for i := range p.messages[:n] {
		seg.tally.add(keyOf(&p.messages[i]), p.messages[i].Seq)
	}
	seg.written = place
	w.settle(p, n)
	return w.bound()
}

// settle accepts what was written.
func (w *writer) settle(p *pass, n int) {
	s, l, seg := w.spool, p.lane, p.segment
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.active != seg {
		return // it could not be synced meanwhile, and is given up
	}
	seg.last += uint64(n)
	seg.bytes += int64(len(w.buffer))
	seg.newest = s.now()
	seg.dirty = s.storage.Sync != SyncAlways
	l.written = seg.last
	l.ready = max(l.ready, l.written)
	s.shrink()
	s.disk.written.Broadcast()
}

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
	seg := &segment{
		lane: l.class, epoch: p.epoch, first: p.from, last: p.from - 1, accepted: p.from,
		created: time.Now(), newest: s.now(), tally: make(tally),
	}
	seg.name = seg.rightName()
	head := header{
		spool: s.id, publisher: s.publisher, lane: l.class, epoch: p.epoch, first: p.from,
		synced: s.storage.Sync == SyncAlways, boot: s.boot, created: s.now(), highest: s.highest(),
	}
	b := head.append(nil)
	seg.bytes = int64(len(b))
	if err := w.create(seg, b, head.synced || !l.durable); err != nil {
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
	file, bytes, empty := seg.file, seg.bytes, seg.last < seg.first
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

// bound drops the oldest segments while there are too many bytes of them, BT
// first.
func (w *writer) bound() error {
	s := w.spool
	for {
		s.mu.Lock()
		l := s.excess()
		if l == nil {
			s.mu.Unlock()
			return nil
		}
		i := slices.IndexFunc(l.segments, func(seg *segment) bool { return seg.condemned == "" })
		seg := l.segments[i]
		if seg != l.active {
			l.discard(seg, reasonFull)
			s.mu.Unlock()
			continue
		}
		s.mu.Unlock()
		if err := w.seal(l, another); err != nil {
			return err
		}
	}
}

// excess returns the lane that is to give up its oldest segment, nil if none
// is.
func (s *Spool) excess() *lane {
	var bytes int64
	var oldest *lane
	for _, c := range dataplane.Classes { // BT last
		for _, seg := range s.lanes[c].segments {
			if seg.condemned == "" {
				bytes += seg.bytes
				if seg.last >= seg.first {
					oldest = s.lanes[c]
				}
			}
		}
	}
	if bytes <= s.storage.MaxBytes {
		return nil
	}
	return oldest
}
