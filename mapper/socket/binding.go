package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"datastub/dataplane/flock"
)

const (
	socketMode fs.FileMode = 0o660 // its owner and group may connect
	lockMode   fs.FileMode = 0o600
	folderMode fs.FileMode = 0o755
)

// A binding is a socket that is bound to a path.
type binding struct {
	*net.UnixListener
	path string
	file fs.FileInfo // the socket's
	lock *os.File    // nil: the path is not held any more
}

// hold locks a path and binds it.
func hold(path string) (*binding, error) {
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return nil, fmt.Errorf("make the folder of socket %s: %w", path, err)
	}
	lock, err := take(path)
	if err != nil {
		return nil, err
	}
	b, err := bind(path)
	if err != nil {
		_ = flock.Release(lock)
		return nil, err
	}
	b.lock = lock
	return b, nil
}

// lost tells whether the path has no file any more, or another one.
func (b *binding) lost() bool {
	is, err := os.Lstat(b.path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return !os.SameFile(is, b.file)
}

// close removes the socket's file, if it is the socket's, and lets go of the
// path.
func (b *binding) close() error {
	b.SetUnlinkOnClose(!b.lost())
	return errors.Join(b.Close(), b.unlock())
}

// unlock lets go of the path.
func (b *binding) unlock() error {
	if b.lock == nil {
		return nil
	}
	lock := b.lock
	b.lock = nil
	return flock.Release(lock)
}

// take takes the lock of a path. The lock's file stays for the next one.
func take(path string) (*os.File, error) {
	name := path + ".lock"
	lock, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, lockMode)
	if err != nil {
		return nil, fmt.Errorf("lock socket %s: %w", path, err)
	}
	switch err := flock.Take(lock); {
	case errors.Is(err, flock.ErrTaken):
		_ = lock.Close()
		return nil, inUse(path)
	case err != nil:
		_ = lock.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return lock, nil
}

// bind binds the path, after it has removed a socket that nobody
// listens on.
func bind(path string) (*binding, error) {
	if err := removeDead(path); err != nil {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("bind socket %s: %w", path, err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("give socket %s its mode: %w", path, err)
	}
	file, err := os.Lstat(path)
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("look at socket %s: %w", path, err)
	}
	return &binding{UnixListener: listener, path: path, file: file}, nil
}

// removeDead removes a socket that nobody listens on; nothing there is fine.
func removeDead(path string) error {
	is, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at socket %s: %w", path, err)
	case is.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and is no socket (%v): remove it, or name another path", path, is.Mode())
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
		return inUse(path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("see whether socket %s is in use: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove socket %s, which nobody listens on: %w", path, err)
	}
	return nil
}

func inUse(path string) error {
	return fmt.Errorf("socket %s is in use, perhaps by another mapper on this node: name another path in config.yaml", path)
}
