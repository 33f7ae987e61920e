package window

import (
	"slices"

	"datastub/dataplane"
)

// maxLosses is how many gaps of one publisher are told in one delivery; the rest
// is counted.
const maxLosses = 64

// A source is one publisher: its panes, and what its next delivery tells.
type source struct {
	publisher string
	timed     bool  // high is known
	high      int64 // the greatest time that was sent, in Unix nanoseconds
	closed    int64 // the windows up to this end are closed, and were taken
	panes     []*pane
	series    map[seriesKey]*series
	weight    int   // of all
	born      Place // of its first line: what is before it was of one that was forgotten
	last      Place // of its last line; where that is not known, behind it
	idle      bool  // it was found silent, and nothing came since

	late, untimed uint64
	cut           bool  // the log has lost something since
	told          Place // of the line that made the last delivery: gaps up to it were told
	losses        []loss
	unlisted      uint64 // gaps that there was no room for
	counted       uint64 // gaps of which no more is kept
}

// A loss is a gap that is to be told.
type loss struct {
	dataplane.Loss
	after Place // the line before it
}

func newSource(publisher string, born Place) *source {
	return &source{publisher: publisher, born: born, series: make(map[seriesKey]*series), weight: sourceWeight + len(publisher)}
}

// isLate tells whether all windows of a pane are closed.
func (s *source) isLate(start int64, spec *Spec) bool {
	return s.timed && start+int64(spec.Size) <= s.closed
}

// reach takes a time into account, and tells whether a window may close.
func (s *source) reach(t int64, spec *Spec) bool {
	switch {
	case !s.timed:
		s.timed, s.high = true, t
		s.closed = s.watermark(spec)
		return false
	case t <= s.high:
		return false
	}
	s.high = t
	return s.watermark(spec) > s.closed
}

// watermark returns the end of the last window that is closed by now.
func (s *source) watermark(spec *Spec) int64 {
	return floor(s.high-int64(spec.Lateness), int64(spec.Slide))
}

// floor returns the greatest multiple of step that is not above t.
func floor(t, step int64) int64 {
	over := t % step
	if over < 0 {
		over += step
	}
	return t - over
}

// add takes a message in that is not late.
func (s *source) add(start int64, after Place, spec *Spec, m *dataplane.Message) {
	p := s.pane(start, after)
	before := p.weight
	p.add(spec, s.of(m), m)
	s.weight += p.weight - before
}

// pane returns the pane that begins at a time.
func (s *source) pane(start int64, after Place) *pane {
	if n := len(s.panes); n > 0 && s.panes[n-1].start == start {
		return s.panes[n-1]
	}
	at, ok := slices.BinarySearchFunc(s.panes, start, func(p *pane, start int64) int {
		switch {
		case p.start < start:
			return -1
		case p.start > start:
			return 1
		}
		return 0
	})
	if !ok {
		s.panes = slices.Insert(s.panes, at, newPane(start, after))
	}
	return s.panes[at]
}

// of returns the series of a message.
func (s *source) of(m *dataplane.Message) *series {
	key := seriesKey{m.Namespace, m.Topic, m.Device}
	if of, ok := s.series[key]; ok {
		return of
	}
	of := &series{key: key, epoch: m.ID.Epoch, last: m.Seq}
	s.series[key] = of
	s.weight += seriesWeight + len(key.namespace) + len(key.topic) + len(key.device)
	return of
}

// follow takes note of a sequence, whatever becomes of the message, and of a
// jump to it. Where the publisher has started anew, the sequences may go on with
// the clock: what was lost then is told.
func (s *source) follow(m *dataplane.Message) {
	of, ok := s.series[seriesKey{m.Namespace, m.Topic, m.Device}]
	if !ok {
		return
	}
	if m.Seq > of.last+1 && m.ID.Epoch == of.epoch {
		for _, p := range s.panes {
			if c, ok := p.covers[of]; ok {
				c.jump(span{of.last + 1, m.Seq - 1})
			}
		}
	}
	of.epoch, of.last = m.ID.Epoch, m.Seq
}

// lose takes note of a gap, which explains a jump over it.
func (s *source) lose(l *dataplane.Loss, after Place, at Place) {
	if of, ok := s.series[seriesKey{l.Namespace, l.Topic, l.Device}]; ok && l.Topic != "" {
		of.last = max(of.last, l.To)
	}
	if at.Compare(s.told) <= 0 {
		return
	}
	if len(s.losses) == maxLosses {
		s.unlisted++
		return
	}
	s.losses = append(s.losses, loss{*l, after})
	s.weight += lossWeight
}

// next takes out the window that closes next, with its end, if there is one.
func (s *source) next(spec *Spec) (w merged, end int64, ok bool) {
	size, slide := int64(spec.Size), int64(spec.Slide)
	upTo := s.watermark(spec)
	if len(s.panes) > 0 {
		end = max(s.closed, s.panes[0].start) + slide
	}
	if len(s.panes) == 0 || end > upTo {
		s.closed = upTo
		return w, 0, false
	}
	n := slices.IndexFunc(s.panes, func(p *pane) bool { return p.start >= end })
	if n < 0 {
		n = len(s.panes)
	}
	w = merge(s.panes[:n])
	s.closed = end
	for len(s.panes) > 0 && s.panes[0].start+size <= end {
		s.drop(s.panes[0])
		s.panes[0] = nil
		s.panes = s.panes[1:]
	}
	return w, end, true
}

// drop forgets a pane, and the series that no other has.
func (s *source) drop(p *pane) {
	s.weight -= p.weight
	for of := range p.covers {
		if of.panes--; of.panes == 0 {
			delete(s.series, of.key)
			s.weight -= seriesWeight + len(of.key.namespace) + len(of.key.topic) + len(of.key.device)
		}
	}
}

// after returns the line before the first one that is to be read again, of those
// up to a place.
func (s *source) after(at Place) Place {
	for _, p := range s.panes {
		at = earlier(at, p.after)
	}
	if len(s.losses) > 0 {
		at = earlier(at, s.losses[0].after)
	}
	return at
}

// oldest returns the start of the oldest window that is open, of those that have
// something.
func (s *source) oldest(spec *Spec) int64 {
	return max(s.closed, s.panes[0].start) + int64(spec.Slide) - int64(spec.Size)
}

// tell forgets what a delivery has told, which a line has made.
func (s *source) tell(at Place) {
	s.weight -= lossWeight * len(s.losses)
	s.told, s.losses = at, nil
	s.late, s.untimed, s.unlisted, s.counted, s.cut = 0, 0, 0, 0, false
}
