package spool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"datastub/dataplane"
)

const (
	// maxBlock is how long Append waits for the disk: 100 ms are promised.
	maxBlock = 80 * time.Millisecond
	// closeWait is how long Close waits for the disk.
	closeWait = time.Second
)

// errSlow says that the disk did not answer in time.
var errSlow = fmt.Errorf("the disk did not write within %v", maxBlock)

// disk is how the folder is, and what is shared by those who wait for it and
// the goroutines that work there. The spool's mutex guards it.
type diskState struct {
	fault   error      // why records are kept in memory; nil: they are not
	since   time.Time  // of the fault
	told    bool       // the fault has lasted for long enough to be told of
	faults  uint64     // times that it came to that
	written *sync.Cond // tells those who wait that more is accepted

	flying time.Time   // since when the oldest Append waits for what is being written; zero: none does
	queued time.Time   // the same, for what is to be written next
	stall  *time.Timer // goes off when either has waited for maxBlock

	kick chan struct{}      // wakes the writer
	come chan struct{}      // wakes the adopter
	tidy chan struct{}      // wakes the upkeep
	news chan struct{}      // wakes who tells of fault
	stop context.CancelFunc // ends the goroutines
	done chan struct{}      // closed when they have
}

// start starts some of what works for the spool, until ctx ends.
func (s *Spool) start(work ...func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background()) // Close ends it
	d := &s.disk
	d.kick, d.tidy, d.news = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	d.come = make(chan struct{}, 1)
	d.written = sync.NewCond(&s.mu)
	d.stall = time.AfterFunc(maxBlock, s.checkStall)
	d.stall.Stop()
	d.stop, d.done = cancel, make(chan struct{})
	var working sync.WaitGroup
	working.Go(func() { (&teller{s}).run(ctx) })
	for _, w := range work {
		working.Go(func() { w(ctx) })
	}
	go func() {
		working.Wait()
		close(d.done)
	}()
}

// work does what there is to do in the folder, until ctx ends.
func (s *Spool) work(ctx context.Context) {
	var working sync.WaitGroup
	for _, l := range s.lanes {
		working.Go(func() { (&reader{lane: l}).run(ctx) })
	}
	working.Go(func() { (&writer{spool: s}).run(ctx) })
	working.Go(func() { s.upkeep(ctx) })
	working.Wait()
}

// awaitWrite waits until all that was pushed is accepted.
func (s *Spool) awaitWrite() {
	var want [len(dataplane.Classes) + 1]uint64
	for c, l := range s.lanes {
		want[c] = l.accepted.Records
	}
	d := &s.disk
	if d.queued.IsZero() {
		d.queued = time.Now()
		if d.flying.IsZero() {
			d.stall.Reset(maxBlock)
		}
	}
	nudge(d.kick)
	for _, c := range dataplane.Classes {
		for s.lanes[c].settled() < want[c] {
			d.written.Wait()
		}
	}
}

// settled returns how many records were accepted since the start.
func (l *lane) settled() uint64 { return l.accepted.Records - (l.next() - 1 - l.ready) }

// checkStall gives the disk up where an Append has waited too long for it.
func (s *Spool) checkStall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := s.disk.flying
	if oldest.IsZero() {
		oldest = s.disk.queued
	}
	if !oldest.IsZero() && time.Since(oldest) >= maxBlock {
		s.fail(errSlow)
	}
}

// fail goes on in memory, until the writer finds the disk well again.
func (s *Spool) fail(why error) {
	d := &s.disk
	if d.fault == nil {
		d.faults++
		d.since = s.now()
		nudge(d.news)
	}
	d.fault = why
	d.flying, d.queued = time.Time{}, time.Time{}
	d.stall.Stop()
	s.acceptAll()
	d.written.Broadcast()
}

// mend goes on in the folder: all that was in memory is there too.
func (s *Spool) mend() {
	s.disk.fault, s.disk.told = nil, false
	s.disk.written.Broadcast()
	nudge(s.disk.news)
}

// A Fault is records being kept in memory though there is a folder.
type Fault struct {
	Why   error     // nil: they are not
	Since time.Time // by the spool's clock
	Times uint64    // that it came to that
}

// Fault returns whether the disk fails now, and how often it began to.
func (s *Spool) Fault() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := Fault{Why: s.disk.fault, Times: s.disk.faults}
	if f.Why != nil {
		f.Since = s.disk.since
	}
	return f
}

// nudgeUpkeep has the folder tidied up soon.
func (s *Spool) nudgeUpkeep() {
	if s.folder != nil {
		nudge(s.disk.tidy)
	}
}

// Close gives the folder back, with all written and sealed. What is in memory
// only is lost: that is an error, as is a disk that does not answer, which is not
// waited for.
func (s *Spool) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if !s.OnDisk() || was {
		return nil
	}
	s.disk.written.Broadcast() // nobody waits for a disk that is left
	s.disk.stop()
	closed := make(chan error, 1)
	go func() { // it is not waited for where the disk hangs
		<-s.disk.done
		if s.folder == nil { // it has never answered
			closed <- s.unwritten()
			return
		}
		if err := s.sealAll(); err != nil { // the next start finds out what is missing
			s.log.Error(err, "Spool cannot be closed in good order", "dir", s.storage.Dir)
		}
		closed <- errors.Join(s.unwritten(), s.folder.close())
	}()
	select {
	case err := <-closed:
		return err
	case <-time.After(closeWait):
		return fmt.Errorf("spool in %s: the disk did not answer within %v; what was written is kept", s.storage.Dir, closeWait)
	}
}

// unwritten tells what is in memory only.
func (s *Spool) unwritten() error {
	n := s.Unwritten()
	if n == 0 {
		return nil
	}
	return fmt.Errorf("spool in %s: %d records in memory could not be written: %w", s.storage.Dir, n, s.Fault().Why)
}

// Unwritten returns how many records are in memory only: they do not outlive
// the process.
func (s *Spool) Unwritten() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n uint64
	for _, l := range s.lanes {
		n += l.next() - max(l.written+1, l.first)
	}
	return int(n)
}
