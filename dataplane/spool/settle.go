package spool

import "context"

// Settle waits while the disk is slow, or has failed for less than a second:
// then what was accepted before is on disk, or it has been told that the disk
// fails, or ctx has ended, which is its error. It is for those who can keep
// what they publish until it is safe: a device's next reading cannot wait.
func (s *Spool) Settle(ctx context.Context) error {
	if !s.OnDisk() {
		return ctx.Err()
	}
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.disk.written.Broadcast()
	})()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.disk.fault != nil && !s.disk.told && !s.closed && ctx.Err() == nil {
		s.disk.written.Wait()
	}
	return ctx.Err()
}
