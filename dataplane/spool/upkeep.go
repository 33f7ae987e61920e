package spool

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"
)

// syncEvery is how often what was written is synced, and looked through for
// what is too old.
const syncEvery = time.Second

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
			s.checkSegments()
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

// checkSegments fails where others have removed a segment that is being written,
// or the folder: what is written there is in no file that the next start finds.
// What of it is still in memory is written again.
func (s *Spool) checkSegments() {
	for _, l := range s.lanes {
		s.mu.Lock()
		seg := l.active
		s.mu.Unlock()
		if seg == nil {
			continue
		}
		if err := s.folder.check(seg.name); err != nil {
			s.disown(l, seg, err)
		}
	}
}

// disown ends a segment of which the file is lost.
func (s *Spool) disown(l *lane, seg *segment, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.active != seg {
		return // it was sealed, or could not be written, meanwhile
	}
	seg.synced = 0
	l.rewind(seg)
	_ = seg.file.Close() // nobody finds what is in there
	seg.file = nil
	s.fail(why)
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

// renameSegments names segments for what a rebase made of them. Where the disk
// does not let it, the lanes go on all the same: RT is not to stand still.
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
	defer s.renamed()
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

// renamed lets the lanes go on after a rebase.
func (s *Spool) renamed() {
	for c, l := range s.lanes {
		s.mu.Lock()
		was := l.renaming
		l.renaming = false
		s.mu.Unlock()
		if was {
			s.wake(c)
		}
	}
}

// removeSpent removes the segments that are given up, once a checkpoint says
// what they do. Where that cannot be written they are removed all the same: it
// may be for want of the room that they take.
func (s *Spool) removeSpent() {
	s.mu.Lock()
	var spent []*segment
	stale := s.stale
	s.stale = false
	for _, l := range s.lanes {
		spent = append(spent, l.spent...)
		l.spent = nil
	}
	s.mu.Unlock()
	if len(spent) == 0 && !stale {
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

// sealAll ends all segments and writes a last checkpoint, so that the next
// start knows that nothing is missing.
func (s *Spool) sealAll() error {
	w := writer{spool: s}
	var errs []error
	end := nothing
	if s.Fault().Why != nil {
		end = unknown
	}
	for _, l := range s.lanes {
		errs = append(errs, w.seal(l, end))
	}
	s.syncSegments(true)
	s.removeSpent()
	return errors.Join(append(errs, s.writeCheckpoint())...)
}
