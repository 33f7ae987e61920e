package spool

import (
	"context"
	"time"
)

// shortFault is how long a disk may fail without more than one line in the log,
// when that is over: one that is slow now and then is no reason to worry.
const shortFault = time.Second

// teller says that the disk fails, and that it is well again. It has a goroutine
// of its own: nobody else may wait for a log, nor it for the disk.
type teller struct{ spool *Spool }

// run tells until ctx ends.
func (t *teller) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-t.spool.disk.news:
			if why := t.spool.Fault().Why; why != nil {
				t.follow(ctx, why)
			}
		}
	}
}

// follow tells of a fault, until it is over.
func (t *teller) follow(ctx context.Context, why error) {
	s, began := t.spool, time.Now()
	if t.mended(ctx, time.After(shortFault)) {
		s.log.Info("Spool could not write to its disk for a moment, and kept records in memory",
			"dir", s.storage.Dir, "reason", why.Error(), "for", time.Since(began).Round(time.Millisecond))
		return
	}
	if ctx.Err() != nil {
		return
	}
	s.log.Error(why, "Spool cannot write to its disk: it goes on in memory, which does not outlive the mapper", "dir", s.storage.Dir)
	t.tell()
	s.changed()
	if t.mended(ctx, nil) {
		s.log.Info("Spool writes to its disk again", "dir", s.storage.Dir, "after", time.Since(began).Round(time.Millisecond))
		s.changed()
	}
}

// tell lets those go on who wait for a fault to be over, or told of.
func (t *teller) tell() {
	s := t.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disk.told = s.disk.fault != nil
	s.disk.written.Broadcast()
}

// mended waits until the disk is well. It returns false if that takes too long.
func (t *teller) mended(ctx context.Context, tooLong <-chan time.Time) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tooLong:
			return false
		case <-t.spool.disk.news:
			if t.spool.Fault().Why == nil {
				return true
			}
		}
	}
}
