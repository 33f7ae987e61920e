package spool

import "datastub/dataplane"

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
	next, runs := seg.place(from), 0
	lost := func(to uint64) []seriesCount {
		if runs++; runs > maxMissing {
			return nil
		}
		return missing(b, next, to)
	}
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
			h.addRun(seg.seq(place-1), lost(place-1))
		}
		seq := seg.seq(place)
		h.add(seq, &m, dataplane.Mark{Epoch: seg.epoch, Seq: seq}.Compare(l.handed) <= 0)
		next = place + 1
	}
	if h.to < seg.last {
		h.addRun(seg.last, lost(seg.place(seg.last)))
	}
	l.dropped.add(Amount{Records: seg.last - from + 1, Bytes: uint64(seg.bytes)})
	l.remove(seg)
}
