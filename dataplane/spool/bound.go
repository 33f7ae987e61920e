package spool

import (
	"slices"

	"datastub/dataplane"
)

// bound drops the oldest segments while there are too many bytes of them: those
// that the cloud has first, then BT.
func (w *writer) bound() error {
	s := w.spool
	for {
		s.mu.Lock()
		if s.bytesInFiles() <= s.storage.MaxBytes {
			s.mu.Unlock()
			return nil
		}
		l, seg := s.excess()
		switch {
		case seg == nil:
			s.mu.Unlock()
			return nil
		case seg != l.active:
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

// bytesInFiles returns how much the segments take, but for those that are to be
// dropped.
func (s *Spool) bytesInFiles() int64 {
	var bytes int64
	for _, l := range s.lanes {
		for _, seg := range l.segments {
			if seg.condemned == "" {
				bytes += seg.bytes
			}
		}
	}
	return bytes
}

// excess returns the segment that goes when there are too many bytes, nil if
// there is none.
func (s *Spool) excess() (*lane, *segment) {
	order := [...]dataplane.Class{dataplane.BT, dataplane.RT}
	for _, c := range order {
		l := s.lanes[c]
		if len(l.segments) > 1 && l.unreleased(l.segments[0]) == 0 && l.segments[0].condemned == "" {
			return l, l.segments[0]
		}
	}
	for _, c := range order {
		l := s.lanes[c]
		i := slices.IndexFunc(l.segments, func(seg *segment) bool { return seg.condemned == "" && seg.last >= seg.first })
		if i >= 0 {
			return l, l.segments[i]
		}
	}
	return nil, nil
}
