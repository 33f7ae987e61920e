package mapper

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"datastub/dataplane/flock"
)

// maxSocketPath is the longest path of a Unix socket, in bytes: what Linux has
// room for in an address, without its final NUL.
const maxSocketPath = 107

const (
	socketMode fs.FileMode = 0o660 // its owner and group may publish
	lockMode   fs.FileMode = 0o600
	folderMode fs.FileMode = 0o755
)

// A socket listens at a path. Its file is there as long as it listens, and
// nobody else's is ever removed: whoever wants the path has to hold a lock
// beside it, which the kernel lets go of when the process dies.
type socket struct {
	net.Listener
	lock *os.File
}

// listenSocket makes the socket, and the folder that it is in. What a dead
// process left there is replaced; what is in use, or is no socket, is refused.
func listenSocket(path string) (*socket, error) {
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return nil, fmt.Errorf("make the folder of socket %s: %w", path, err)
	}
	lock, err := lockSocket(path)
	if err != nil {
		return nil, err
	}
	listener, err := bindSocket(path)
	if err != nil {
		_ = flock.Release(lock)
		return nil, err
	}
	return &socket{Listener: listener, lock: lock}, nil
}

// Close removes the socket's file and lets go of the path.
func (s *socket) Close() error {
	return errors.Join(s.Listener.Close(), flock.Release(s.lock))
}

// lockSocket takes the lock of a path. The lock's file stays for the next one.
func lockSocket(path string) (*os.File, error) {
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

// bindSocket binds the path, after it has removed a socket that nobody
// listens on.
func bindSocket(path string) (net.Listener, error) {
	if err := clearSocket(path); err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("bind socket %s: %w", path, err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("give socket %s its mode: %w", path, err)
	}
	return listener, nil
}

func clearSocket(path string) error {
	is, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at socket %s: %w", path, err)
	case is.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and is no socket (%v): remove it, or set dataplane.socket to another path", path, is.Mode())
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
	return fmt.Errorf("socket %s is in use, perhaps by another mapper on this node: set dataplane.socket in config.yaml to another path", path)
}

// checkSocket checks the path of a Unix socket: what is wrong with it and what
// would be right, or nothing.
func checkSocket(path string) string {
	const want = ": want a path such as /run/datastub/publish.sock"
	switch {
	case len(path) > maxSocketPath:
		return fmt.Sprintf("%d bytes long, the most for a Unix socket is %d%s", len(path), maxSocketPath, want)
	case strings.Contains(path, "\x00"):
		return "it holds a NUL" + want
	case path[0] == '@': // it would be a name in no folder, which no mode protects
		return `it begins with "@"` + want
	case strings.HasSuffix(path, "/") || filepath.Base(path) == "." || filepath.Base(path) == "..":
		return "it names a folder" + want
	}
	return ""
}
