// Package flock locks files and folders for one process, whatever way it ends
// (flock(2)): a folder is only opened for it, so it can be locked where nothing
// can be written.
package flock

import (
	"errors"
	"os"
	"syscall"
)

// ErrTaken says that a lock is somebody else's, or this process's by another
// open file.
var ErrTaken = errors.New("the lock is taken")

// Take locks what a file has open, and does not wait: where the lock is taken
// the error is ErrTaken. The file stays open as long as the lock is to hold.
func Take(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrTaken
	}
	return err
}

// Release gives a lock back and closes its file. Closing alone leaves it taken
// where this process starts another one at the time: between fork and exec that
// one, too, has the file open.
func Release(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}
