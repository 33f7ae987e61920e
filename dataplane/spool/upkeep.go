package spool

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"datastub/dataplane"
)

// syncEvery is how often what was written is synced, and looked through for
// what is too old.
const syncEvery = time.Second

// checkpointName is the checkpoint's file; the new one is written beside it.
const (
	checkpointName    = "checkpoint"
	checkpointNewName = "checkpoint.new"
)

// upkeep does what takes time and nobody waits for, until ctx ends: it syncs,
// renames and removes segments.
func (s *Spool) upkeep(ctx context.Context) {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.disk.tidy:
			s.tidy()
		case <-tick.C:
			s.expire()
			s.tidy()
			s.syncSegments(s.storage.Sync == SyncSecond)
		}
	}
}

// tidy does what can be done at once.
func (s *Spool) tidy() {
	s.resolve()
	s.renameSegments()
	s.removeSpent()
}

// expire drops the segments of which the newest record is too old.
func (s *Spool) expire() {
	if s.storage.MaxAge == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, l := range s.lanes {
		for _, seg := range slices.Clone(l.segments) {
			if seg != l.active && seg.condemned == "" && now.Sub(seg.newest) > s.storage.MaxAge {
				l.discard(seg, reasonOld)
			}
		}
	}
}

// syncSegments syncs what is not, that of segments that are written to only
// where it is wanted, and closes those that are not.
func (s *Spool) syncSegments(active bool) {
	s.mu.Lock()
	var dirty []*segment
	for _, l := range s.lanes {
		for _, seg := range slices.Concat(l.segments, l.spent) {
			if seg.file != nil && (seg != l.active || active && seg.dirty) {
				dirty = append(dirty, seg)
			}
		}
	}
	s.mu.Unlock()
	if len(dirty) == 0 {
		return
	}
	for _, seg := range dirty {
		s.syncSegment(seg)
	}
	s.syncFolder()
}

// syncFolder makes the files' names survive a power loss.
func (s *Spool) syncFolder() {
	if err := s.folder.sync(); err != nil {
		s.mu.Lock()
		s.fail(err)
		s.mu.Unlock()
	}
}

func (s *Spool) syncSegment(seg *segment) {
	s.mu.Lock()
	opened, upTo, wanted := seg.file, seg.last, seg.dirty && s.storage.Sync != SyncNone
	seg.dirty = false
	s.mu.Unlock()
	if opened == nil {
		return // abandoned meanwhile
	}
	if wanted {
		if err := opened.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
			s.mu.Lock()
			s.lanes[seg.lane].rewind(seg)
			s.fail(err)
			seg.file = nil
			s.mu.Unlock()
			_ = opened.Close() // it failed already
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seg.synced = max(seg.synced, upTo)
	if seg.sealed {
		_ = opened.Close() // it was synced, or need not be
		seg.file = nil
	}
}

// rewind ends a segment that could not be synced: what it has beyond what was
// synced before may be gone, and is written again where it is still in memory.
func (l *lane) rewind(seg *segment) {
	seg.sealed = true
	if seg != l.active {
		return
	}
	seg.last = min(seg.last, max(seg.synced, seg.first-1, l.first-1))
	l.written = seg.last
	l.active, l.durable = nil, false
	l.forgetEmpty(seg)
}

// forgetEmpty takes a segment without records off the lane. Its file is left to
// who writes the same records again, under the same name.
func (l *lane) forgetEmpty(seg *segment) {
	if seg.last < seg.first {
		l.segments = slices.DeleteFunc(l.segments, func(other *segment) bool { return other == seg })
	}
}

// resolve makes holes of condemned segments of which the footer does not tell
// enough, as the cloud may have had a part: they are read.
func (s *Spool) resolve() {
	for {
		s.mu.Lock()
		l, seg := s.condemned()
		if seg == nil {
			s.mu.Unlock()
			return
		}
		name, bytes := seg.name, seg.bytes
		s.mu.Unlock()
		b, err := readFile(s.folder, name, bytes)
		if err != nil {
			s.log.Error(err, "Spool cannot tell which series a dropped segment had", "segment", name)
		}
		s.mu.Lock()
		l.dissolve(seg, b)
		s.mu.Unlock()
		s.wake(l.class)
	}
}

func (s *Spool) condemned() (*lane, *segment) {
	for _, l := range s.lanes {
		for _, seg := range l.segments {
			if seg.condemned != "" {
				return l, seg
			}
		}
	}
	return nil, nil
}

// dissolve makes a hole of a segment from its bytes, record by record where the
// cloud may have had them.
func (l *lane) dissolve(seg *segment, b []byte) {
	from := l.firstHeld(seg)
	if l.unreleased(seg) == 0 {
		l.remove(seg)
		return
	}
	h := l.holes.grow(dataplane.Mark{Epoch: seg.epoch, Seq: from}, seg.condemned)
	next := seg.place(from)
	for sc := scanOf(b); ; {
		place, record, ok := sc.next()
		if !ok || place > seg.place(seg.last) {
			break
		}
		m, err := dataplane.DecodeRecord(record)
		if err != nil || place < next {
			continue
		}
		if place > next { // damaged before
			h.addRun(seg.seq(place-1), nil)
		}
		seq := seg.seq(place)
		h.add(seq, &m, dataplane.Mark{Epoch: seg.epoch, Seq: seq}.Compare(l.handed) <= 0)
		next = place + 1
	}
	if h.to < seg.last {
		h.addRun(seg.last, nil)
	}
	l.dropped.add(Amount{Records: seg.last - from + 1, Bytes: uint64(seg.bytes)})
	l.remove(seg)
}

// renameSegments names segments for what a rebase made of them.
func (s *Spool) renameSegments() {
	s.mu.Lock()
	type renaming struct {
		seg      *segment
		from, to string
	}
	var all []renaming
	for _, l := range s.lanes {
		for _, seg := range slices.Backward(l.segments) { // so that none has the name of another
			if right := seg.rightName(); right != seg.name {
				all = append(all, renaming{seg, seg.name, right})
			}
		}
	}
	s.mu.Unlock()
	if len(all) == 0 {
		return
	}
	for _, r := range all {
		if err := s.folder.rename(r.from, r.to); err != nil {
			s.log.Error(err, "Spool cannot rename a segment", "from", r.from, "to", r.to)
			return
		}
		s.mu.Lock()
		r.seg.name = r.to
		s.mu.Unlock()
	}
	s.syncFolder()
}

// removeSpent removes the segments that are given up, once a checkpoint says
// what they do. Where that cannot be written they are removed all the same: it
// may be for want of the room that they take.
func (s *Spool) removeSpent() {
	s.mu.Lock()
	var spent []*segment
	for _, l := range s.lanes {
		spent = append(spent, l.spent...)
		l.spent = nil
	}
	s.mu.Unlock()
	if len(spent) == 0 {
		return
	}
	if err := s.writeCheckpoint(); err != nil {
		s.log.Error(err, "Spool cannot write its checkpoint", "dir", s.storage.Dir)
	}
	for _, seg := range spent {
		if seg.file != nil {
			_ = seg.file.Close()
		}
		if err := s.folder.remove(seg.name); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.log.Error(err, "Spool cannot remove a segment", "segment", seg.name)
		}
	}
}

// writeCheckpoint puts a new checkpoint in the old one's place.
func (s *Spool) writeCheckpoint() error {
	s.mu.Lock()
	b := s.checkpoint().append(nil)
	s.mu.Unlock()
	if err := s.folder.remove(checkpointNewName); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := s.folder.create(checkpointNewName)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := s.folder.rename(checkpointNewName, checkpointName); err != nil {
		return err
	}
	return s.folder.sync()
}

// checkpoint returns what is to be kept of the spool besides its segments.
func (s *Spool) checkpoint() *checkpoint {
	c := &checkpoint{spool: s.id, publisher: s.publisher, epoch: s.top, closed: s.closed}
	for i, class := range dataplane.Classes {
		l := s.lanes[class]
		ends := append(slices.Clone(l.ends), ending{epoch: l.epoch, last: l.ready, exact: s.closed && s.disk.fault == nil})
		c.lanes[i] = laneCheckpoint{released: l.released, handed: l.handed, ends: ends, holes: l.holes}
	}
	for key, last := range s.series {
		c.series = append(c.series, seriesLast{key, last})
	}
	slices.SortFunc(c.series, func(a, b seriesLast) int { return a.key.compare(b.key) })
	return c
}

// sealAll ends all segments and writes a last checkpoint, so that the next
// start knows that nothing is missing.
func (s *Spool) sealAll() error {
	w := writer{spool: s}
	var errs []error
	end := nothing
	if _, why := s.Fault(); why != nil {
		end = unknown
	}
	for _, l := range s.lanes {
		errs = append(errs, w.seal(l, end))
	}
	s.syncSegments(true)
	s.removeSpent()
	return errors.Join(append(errs, s.writeCheckpoint())...)
}
