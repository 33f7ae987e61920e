package spool

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"datastub/dataplane"
)

// seriesMargin is by how much all series begin above the highest that is known,
// where it is not known which were given last.
const seriesMargin = 1 << 32

// bootID tells one boot of the machine from another: what was written before a
// power loss, and was not synced, may be gone. Empty where it is not known.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// openFolder opens the spool of a locked folder: it finds out what is held
// there, and begins a new epoch.
func openFolder(o Options, f folder, boot string) (*Spool, error) {
	return open(o, func() (folder, error) { return f, nil }, boot)
}

// readFolder finds out what a locked folder holds. A lenient one passes over
// files that cannot be read.
func readFolder(o Options, f folder, boot string, lenient bool) (*Spool, error) {
	s, err := newSpool(o, f)
	if err != nil {
		return nil, err
	}
	s.boot = boot
	r := recovery{spool: s, lenient: lenient}
	if err := r.run(); err != nil {
		return nil, err
	}
	if r.unsure {
		// Before anything shows that this start has been: the next one must know
		// how far the series have been made to rise.
		if err := s.writeCheckpoint(); err != nil {
			s.log.Error(err, "Spool cannot write its checkpoint", "dir", s.storage.Dir)
		}
	}
	return s, nil
}

// begin starts the work in a folder that was read, and waits for the epoch's
// first segments until a deadline. Where they cannot be made, the spool begins in
// memory.
func (s *Spool) begin(deadline <-chan time.Time) {
	begun := make(chan struct{})
	s.start(func(ctx context.Context) {
		s.beginEpoch()
		close(begun)
		s.work(ctx)
	})
	select {
	case <-begun:
	case <-deadline:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.beginBlind(errSilent)
	}
}

// beginEpoch makes the first segment of each lane.
func (s *Spool) beginEpoch() {
	w := writer{spool: s}
	for _, c := range dataplane.Classes {
		s.mu.Lock()
		l := s.lanes[c]
		p := pass{lane: l, epoch: l.epoch, from: l.next()}
		s.mu.Unlock()
		if err := w.begin(&p); err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.beginBlind(err)
			return
		}
	}
}

// beginBlind goes on in memory. The epoch is not written anywhere, and jumps, so
// that another start that cannot write does not take the same; but once.
func (s *Spool) beginBlind(why error) {
	if s.disk.fault == nil {
		s.jump()
	}
	s.fail(why)
}

// maxJump is how far an epoch jumps at most: some minutes of a clock in
// milliseconds.
const maxJump = 1 << 20

func (s *Spool) jump() {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	s.top += binary.BigEndian.Uint64(b[:]) % maxJump
	for _, l := range s.lanes {
		if l.active == nil {
			l.epoch = s.top
		}
	}
}

// recovery finds out what a folder holds.
type recovery struct {
	spool   *Spool
	lenient bool   // pass over what cannot be read
	epoch   uint64 // the highest that the checkpoint knows
	closed  bool   // the spool was: nothing was sent since the checkpoint
	unsure  bool   // which sequences of series were given last is not known
}

func (r *recovery) run() error {
	s := r.spool
	names, err := s.folder.names()
	if err != nil {
		return err
	}
	if err := r.readCheckpoint(names); err != nil {
		return err
	}
	var segments []segmentName
	for _, name := range names {
		if n, ok := parseSegmentName(name); ok {
			segments = append(segments, n)
		}
	}
	slices.SortFunc(segments, segmentName.compare)
	for _, n := range segments {
		if err := r.add(n); err != nil {
			return err
		}
	}
	for _, l := range s.lanes {
		l.settleSegments()
		if n := len(l.ends); n > 0 && !r.closed {
			l.hand(dataplane.Mark{Epoch: l.ends[n-1].epoch, Seq: l.ends[n-1].last}) // all of it may have been sent
		}
		r.unsure = r.unsure || l.unsure
	}
	r.number()
	return nil
}

// readCheckpoint takes what the checkpoint says, if there is one that can be
// read.
func (r *recovery) readCheckpoint(names []string) error {
	if !slices.Contains(names, checkpointName) {
		return nil
	}
	s := r.spool
	b, err := readFile(s.folder, checkpointName, 0)
	if err != nil && !r.lenient {
		return err
	}
	c, err := readCheckpoint(b)
	if err != nil {
		s.log.Error(err, "Spool has a checkpoint that cannot be read: it goes on without", "dir", s.storage.Dir)
		r.unsure = true
		return nil
	}
	if err := r.identify(c.spool, c.publisher); err != nil {
		return err
	}
	s.top, s.past = max(s.top, c.epoch+1), max(s.past, c.epoch)
	for i, class := range dataplane.Classes {
		l, from := s.lanes[class], c.lanes[i]
		l.released, l.handed, l.ends, l.holes = from.released, from.handed, from.ends, from.holes
	}
	r.closed, r.epoch = c.closed, c.epoch
	for _, series := range c.series {
		s.series[series.key] = series.last
	}
	return nil
}

// identify takes the spool's id, and holds its publisher to be ours.
func (r *recovery) identify(id dataplane.SpoolID, publisher string) error {
	if publisher != r.spool.publisher {
		return fmt.Errorf("%w: it is the spool of %s: want a folder of its own for %s", errNotOurs, publisher, r.spool.publisher)
	}
	r.spool.id = id
	return nil
}

// add takes a segment in.
func (r *recovery) add(n segmentName) error {
	s, l := r.spool, r.spool.lanes[n.lane]
	r.closed = r.closed && n.epoch <= r.epoch // else it was open again since
	s.top, s.past = max(s.top, n.epoch+1), max(s.past, n.epoch)
	seg, found, err := openSegment(s.folder, n, s.boot)
	if err != nil && r.lenient {
		s.log.Error(err, "Spool cannot read a segment, and goes on without", "segment", n.String())
		r.unsure = true
		return nil
	}
	if err != nil {
		return err
	}
	if found.header != nil {
		if err := r.identify(found.header.spool, found.header.publisher); err != nil {
			return err
		}
		s.peak = max(s.peak, found.header.highest)
	}
	for key, last := range found.last {
		s.series[key] = max(s.series[key], last)
	}
	exact := found.exact(s.boot)
	l.unsure = !exact || seg.counts == nil
	if found.torn {
		s.log.Info("Spool cuts off what was not written to its end", "segment", seg.name)
	}
	l.ends.put(ending{epoch: seg.epoch, last: seg.last, exact: exact})
	if len(l.segments) > 0 {
		before := l.segments[len(l.segments)-1]
		before.newest = r.plausible(found.header)
	}
	seg.newest = s.now()
	l.segments = append(l.segments, seg)
	return nil
}

// plausible returns when a segment was begun, now where its clock was wrong.
func (r *recovery) plausible(h *header) time.Time {
	now := r.spool.now()
	if h == nil || h.created.Year() < 2024 || h.created.After(now) {
		return now
	}
	return h.created
}

// settleSegments gives up what is no more held: records that a later segment
// has again, segments that the checkpoint calls dropped or released.
func (l *lane) settleSegments() {
	for i, s := range l.segments[:max(len(l.segments)-1, 0)] {
		if next := l.segments[i+1]; next.epoch == s.epoch && next.last >= next.first && s.last >= next.first {
			s.last, s.counts = next.first-1, nil
		}
	}
	l.giveUp(func(s *segment) bool {
		h := l.holes.at(dataplane.Mark{Epoch: s.epoch, Seq: l.firstHeld(s)})
		return h != nil && h.to >= s.last
	})
	l.retire()
}

// number makes what is given from now on higher than all that was.
func (r *recovery) number() {
	s := r.spool
	for _, last := range s.series {
		s.peak = max(s.peak, last)
	}
	if r.unsure {
		s.base = max(s.base, s.peak+seriesMargin)
		clear(s.series)
	}
	s.base = max(s.base, s.peak)
	s.peak = s.base
	for _, l := range s.lanes {
		l.epoch = s.top
	}
}
