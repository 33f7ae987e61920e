package spool

import (
	"context"
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
		p, wanted := w.next(s.lanes[c])
		if !wanted {
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
	if !some {
		some = w.unpark()
	}
	w.landed(!some)
	return some
}

// unpark goes on behind what a folder held that turned up late, in lanes of
// which all is written. It tells whether there was any. The spool's mutex is
// held, but while it writes.
func (w *writer) unpark() (some bool) {
	s := w.spool
	for c, l := range s.lanes {
		if l.parked == nil {
			continue
		}
		s.mu.Unlock()
		err := w.seal(l, nothing)
		s.mu.Lock()
		if err != nil {
			s.fail(err)
			return false
		}
		if some = true; l.next()-1 == max(l.written, l.first-1) { // else more has come
			l.unpark()
			s.wake(c)
		}
	}
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
