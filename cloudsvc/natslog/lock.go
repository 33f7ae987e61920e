package natslog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"datastub/dataplane/flock"
)

// lockName is the file in the embedded server's folder that is locked as long
// as a server runs on it. It is left there: its being there says nothing.
const lockName = "lock"

// lockFolder makes a folder and takes it for this process, and this Log, alone:
// two servers would spoil each other's files. flock.Release gives it back, and so
// does the end of the process, however it ends.
func lockFolder(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of the log: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the folder of the log: %w", err)
	}
	if err := flock.Take(f); err != nil {
		_ = f.Close()
		if errors.Is(err, flock.ErrTaken) {
			return nil, fmt.Errorf("folder %s is used by another cloudsvc: give each its own", dir)
		}
		return nil, fmt.Errorf("lock the folder %s of the log: %w", dir, err)
	}
	return f, nil
}

// checkFolder tells whether a folder is not the one any more that was locked:
// what is written then is in files that nobody finds again.
func checkFolder(lock *os.File) error {
	have, err := lock.Stat()
	if err != nil {
		return err
	}
	if found, err := os.Stat(lock.Name()); err != nil || !os.SameFile(have, found) {
		return fmt.Errorf("the folder %s of the log was removed or replaced: put it back, or start cloudsvc again", filepath.Dir(lock.Name()))
	}
	return nil
}
