package spool

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// openWait is how long Open waits for the disk.
	openWait = 2 * time.Second
	// retryOpen is the wait after a folder could not be opened.
	retryOpen = time.Second
)

var (
	// errNotOurs says that a folder is another process's or another publisher's.
	errNotOurs = errors.New("the folder is not this mapper's")
	// errSilent says that the disk did not answer at the start.
	errSilent = fmt.Errorf("the disk did not answer within %v of the start", openWait)
)

// adopter opens a folder. Where that takes too long or fails, the spool begins
// in memory, with an epoch of the clock and an id of its own, and the adopter
// goes on trying. What the folder holds then comes
//
//   - before all that was accepted meanwhile, under the ids that it was accepted
//     with, and with the folder's id, where the cloud has not answered yet;
//   - behind it, in higher epochs, where the cloud has: epochs rise there, and
//     lower ones pass for duplicates. What the cloud had already, as it told in
//     its first answer, is left out; so nothing is lost, and nothing comes twice.
type adopter struct {
	options Options
	mount   func() (folder, error)
	boot    string
	spool   *Spool
}

// opening is how it went.
type opening struct {
	spool *Spool // not started
	err   error
}

// open opens the spool of the folder that mount gives.
func open(o Options, mount func() (folder, error), boot string) (*Spool, error) {
	a := &adopter{options: o, mount: mount, boot: boot}
	opened, deadline := a.open(false), time.After(openWait)
	select {
	case r := <-opened:
		if errors.Is(r.err, errNotOurs) {
			return nil, r.err
		}
		if r.err == nil {
			r.spool.begin(deadline)
			return r.spool, nil
		}
		opened <- r
		return a.blind(opened, r.err)
	case <-deadline:
		return a.blind(opened, errSilent)
	}
}

// open opens the folder, in its own time. A lenient one passes over files that
// cannot be read.
func (a *adopter) open(lenient bool) chan opening {
	opened := make(chan opening, 1)
	go func() {
		f, err := a.mount()
		if err != nil {
			opened <- opening{err: fmt.Errorf("spool: %w", err)}
			return
		}
		s, err := readFolder(a.options, f, a.boot, lenient)
		if err != nil {
			_ = f.close()
			err = fmt.Errorf("spool in %s: %w", a.options.Storage.Dir, err)
		}
		opened <- opening{s, err}
	}()
	return opened
}

// blind begins in memory.
func (a *adopter) blind(opened chan opening, why error) (*Spool, error) {
	s, err := newSpool(a.options, nil)
	if err != nil {
		return nil, err
	}
	a.spool, s.boot = s, a.boot
	s.start(func(ctx context.Context) { a.run(ctx, opened) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail(why)
	return s, nil
}

// run waits for the folder, takes it in, and works there until ctx ends.
func (a *adopter) run(ctx context.Context, opened chan opening) {
	for tries := 1; ; tries++ {
		select {
		case <-ctx.Done():
			go release(opened)
			return
		case r := <-opened:
			if r.err == nil {
				if a.adopt(ctx, r.spool) {
					a.spool.work(ctx)
				} else {
					_ = r.spool.folder.close()
				}
				return
			}
			a.spool.mu.Lock()
			a.spool.fail(r.err)
			a.spool.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryOpen):
		}
		opened = a.open(tries >= readTries)
	}
}

// release gives a folder back that comes too late.
func release(opened <-chan opening) {
	if r := <-opened; r.err == nil {
		_ = r.spool.folder.close()
	}
}

// adopt takes in what was found in the folder. It waits while the cloud has
// answered one lane and not the other. It returns false if ctx ends before.
func (a *adopter) adopt(ctx context.Context, found *Spool) bool {
	s := a.spool
	for {
		s.mu.Lock()
		n := 0
		for _, l := range s.lanes {
			if l.greeted {
				n++
			}
		}
		if n == 0 {
			s.join(found)
		}
		for _, l := range s.lanes {
			l.beckoned = n > 0
		}
		s.mu.Unlock()
		for c := range s.lanes {
			s.wake(c)
		}
		switch n {
		case 0:
			return true
		case len(s.lanes):
			s.append(found)
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-s.disk.come:
		}
	}
}

// nudgeAdopter tells that the cloud has answered a lane.
func (s *Spool) nudgeAdopter() {
	if s.disk.come != nil {
		nudge(s.disk.come)
	}
}

// join puts what was found before what is in memory.
func (s *Spool) join(found *Spool) {
	s.id = found.id
	for c, l := range s.lanes {
		if found.past >= l.epoch { // the clock was set back
			l.rebase(found.past)
		}
		f := found.lanes[c]
		l.segments, l.spent, l.ends, l.kept, l.released = f.segments, f.spent, f.ends, f.kept, f.released
		l.holes = append(f.holes, l.holes...)
		if f.handed.Compare(l.handed) > 0 {
			l.handed = f.handed
		}
	}
	s.take(found)
}

// append puts what was found behind what is in memory, and the cloud has seen
// some of: once all of that is written, see writer.unpark. The files are renamed
// before anything is written, so that the order is the same after a crash.
func (s *Spool) append(found *Spool) {
	found.id, found.stale = s.ID(), true
	for {
		for c, f := range found.lanes {
			s.mu.Lock()
			had, above := s.lanes[c].stranger, s.lanes[c].epoch
			s.mu.Unlock()
			f.Release(had)
			f.Rebase(above)
		}
		found.renameSegments()
		found.removeSpent()
		if s.park(found) {
			return
		}
	}
}

// park keeps what was found for the writer. It returns false where a lane has
// come to a higher epoch meanwhile.
func (s *Spool) park(found *Spool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, l := range s.lanes {
		if found.lanes[c].oldestLeft() <= l.epoch {
			return false
		}
	}
	for c, l := range s.lanes {
		l.parked = found.lanes[c]
	}
	s.take(found)
	return true
}

// take takes a folder over, and goes on above the numbers that were given there.
func (s *Spool) take(found *Spool) {
	for key, last := range found.series {
		s.series[key] = max(s.series[key], last)
	}
	s.base, s.peak, s.top = max(s.base, found.base), max(s.peak, found.peak), max(s.top, found.top)
	s.folder, s.stale = found.folder, true
}

// unpark lets the lane go on behind what was parked, once all before is written:
// its epoch ends.
func (l *lane) unpark() {
	p := l.parked
	l.parked = nil
	l.ends.put(ending{epoch: l.epoch, last: l.ready, exact: true})
	for _, e := range p.ends {
		l.ends.put(e)
	}
	l.pop(l.records.len())
	l.segments = append(l.segments, p.segments...)
	l.holes = append(l.holes, p.holes...)
	l.spent = append(l.spent, p.spent...)
	l.epoch, l.first, l.ready, l.written, l.durable = p.epoch, 1, 0, 0, false
	l.spool.top = max(l.spool.top, l.epoch)
	l.backlog.clear()
	l.spool.nudgeUpkeep()
}
