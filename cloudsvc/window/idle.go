package window

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Silent tells whether there is a publisher of whom nothing came behind a place,
// and who is not known to be idle.
func (r *Reducer) Silent(since Place) bool {
	for _, s := range r.sources {
		if s.isSilent(since) {
			return true
		}
	}
	return false
}

// Rest has the publishers be idle of whom nothing came behind a place. With the
// next Pass, or before the next line is taken in, their windows close as if their
// watermarks had passed them. The time of silence is nothing that the log tells:
// so the State is to be stored between, and who resumes does the same at the same
// line.
func (r *Reducer) Rest(since Place) {
	for _, s := range r.sources {
		s.idle = s.idle || s.isSilent(since)
	}
	r.until, r.resting = r.at, true
}

func (s *source) isSilent(since Place) bool { return !s.idle && s.last.Compare(since) <= 0 }

// rest begins to close the windows of the sources that are idle. Of what is to be
// told in the next delivery of one that has none open, only the count is kept:
// else the log would be read again from there.
func (r *Reducer) rest() {
	r.resting = false
	if r.at.Compare(r.until) < 0 {
		r.at = r.until
	}
	for _, publisher := range slices.Sorted(maps.Keys(r.sources)) {
		s := r.sources[publisher]
		switch {
		case !s.idle:
		case len(s.panes) > 0:
			end := s.panes[len(s.panes)-1].start + int64(r.spec.Size)
			s.high = max(s.high, end+int64(r.spec.Lateness))
			r.closing = append(r.closing, s)
		case len(s.losses) > 0:
			r.weight -= lossWeight * len(s.losses)
			s.weight -= lossWeight * len(s.losses)
			s.counted += uint64(len(s.losses)) + s.unlisted
			s.told, s.losses, s.unlisted = r.at, nil, 0
		}
	}
}

// forget makes room for another publisher: of those that are idle, and have no
// window open, the one whose last delivery is the oldest. It tells whether there
// was one.
func (r *Reducer) forget() bool {
	var oldest *source
	for _, s := range r.sources {
		if s.idle && len(s.panes) == 0 && len(s.losses) == 0 && (oldest == nil || s.compare(oldest) < 0) {
			oldest = s
		}
	}
	if oldest == nil {
		return false
	}
	delete(r.sources, oldest.publisher)
	r.weight -= oldest.weight
	return true
}

func (s *source) compare(o *source) int {
	return cmp.Or(s.told.Compare(o.told), strings.Compare(s.publisher, o.publisher))
}
