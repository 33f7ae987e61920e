package window

import (
	"slices"

	"datastub/dataplane"
)

// About what is taken in memory, in bytes.
const (
	sourceWeight = 400
	lossWeight   = 250
	cellWeight   = 450
	coverWeight  = 130
	seriesWeight = 200
)

// A pane is one slide of time of one publisher: all windows that a message of it
// is in are made of whole panes.
type pane struct {
	start  int64 // Unix nanoseconds
	after  Place // the line before its first message
	cells  map[cellKey]*cell
	covers map[*series]*cover
	weight int
}

func newPane(start int64, after Place) *pane {
	return &pane{start: start, after: after, cells: make(map[cellKey]*cell), covers: make(map[*series]*cover)}
}

// add takes a message of a series in.
func (p *pane) add(s *Spec, of *series, m *dataplane.Message) {
	c := p.cover(of)
	c.add(m.Seq)
	key := s.keyOf(m)
	row, ok := p.cells[key]
	if !ok {
		row = &cell{}
		p.cells[key] = row
		p.weight += cellWeight + len(key.property) + len(key.unit)
	}
	if m.Quality.IsBad() || !m.Value.Finite() {
		row.bad++
		return
	}
	p.weight -= row.textBytes()
	row.add(m.Value, m.Time.UnixNano())
	p.weight += row.textBytes()
}

func (p *pane) cover(of *series) *cover {
	c, ok := p.covers[of]
	if !ok {
		c = &cover{}
		p.covers[of] = c
		of.panes++
		p.weight += coverWeight
	}
	return c
}

// keyOf returns the row of a message.
func (s *Spec) keyOf(m *dataplane.Message) cellKey {
	k := cellKey{namespace: m.Namespace, unit: m.Unit, typ: m.Value.Type()}
	if s.By&Topic != 0 {
		k.topic = m.Topic
	}
	if s.By&Device != 0 {
		k.device = m.Device
	}
	if s.By&Property != 0 {
		k.property = m.Property
	}
	return k
}

// merged is panes of one window together.
type merged struct {
	cells  map[cellKey]*cell
	covers map[seriesKey]*cover
}

// merge returns what panes have, the oldest first.
func merge(panes []*pane) merged {
	w := merged{cells: make(map[cellKey]*cell), covers: make(map[seriesKey]*cover)}
	for _, p := range panes {
		for key, c := range p.cells {
			into, ok := w.cells[key]
			if !ok {
				into = &cell{}
				w.cells[key] = into
			}
			into.merge(c)
		}
		for of, c := range p.covers {
			into, ok := w.covers[of.key]
			if !ok {
				into = &cover{}
				w.covers[of.key] = into
			}
			into.merge(c)
		}
	}
	for _, c := range w.covers {
		slices.SortFunc(c.jumps, func(a, b span) int {
			if a.from < b.from {
				return -1
			}
			return 1
		})
	}
	return w
}
