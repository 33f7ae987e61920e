package spool

import (
	"errors"
	"os"
	"slices"
)

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
	if seg.empty() {
		l.segments = slices.DeleteFunc(l.segments, func(other *segment) bool { return other == seg })
	}
}
