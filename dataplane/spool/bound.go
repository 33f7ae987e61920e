package spool

import (
	"slices"

	"datastub/dataplane"
)

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
