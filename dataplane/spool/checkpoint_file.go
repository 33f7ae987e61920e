package spool

import (
	"errors"
	"os"
	"slices"

	"datastub/dataplane"
)

// checkpointName is the checkpoint's file; the new one is written beside it.
const (
	checkpointName    = "checkpoint"
	checkpointNewName = "checkpoint.new"
)

// writeCheckpoint puts a new checkpoint in the old one's place.
func (s *Spool) writeCheckpoint() error {
	s.mu.Lock()
	c := s.checkpoint()
	s.mu.Unlock()
	slices.SortFunc(c.series, func(a, b seriesLast) int { return a.key.compare(b.key) })
	b := c.encode()
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

// checkpoint returns what is to be kept of the spool besides its segments, in
// no order: what takes long is done without the spool's mutex.
func (s *Spool) checkpoint() *checkpoint {
	c := &checkpoint{spool: s.id, publisher: s.publisher, epoch: s.top, closed: s.closed}
	for i, class := range dataplane.Classes {
		l := s.lanes[class]
		ends := append(slices.Clone(l.ends), ending{epoch: l.epoch, last: l.ready, exact: s.closed && s.disk.fault == nil})
		c.lanes[i] = laneCheckpoint{released: l.released, handed: l.handed, ends: ends, holes: l.holes.clone()}
	}
	c.series = make([]seriesLast, 0, len(s.series))
	for key, last := range s.series {
		c.series = append(c.series, seriesLast{key, last})
	}
	return c
}
