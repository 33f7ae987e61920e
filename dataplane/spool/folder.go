package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"datastub/dataplane/flock"
)

// A folder is where a spool keeps its files. Names are of one level.
type folder interface {
	// names lists the files.
	names() ([]string, error)
	// create makes a file that is not there yet, to be appended to.
	create(name string) (file, error)
	// open opens a file to be read, cut and appended to.
	open(name string) (file, error)
	rename(from, to string) error
	remove(name string) error
	// check tells whether a file is where it was made, and the folder is still
	// the one that was locked: others may remove, rename and replace them.
	check(name string) error
	// sync makes what names say survive a power loss.
	sync() error
	// close gives the lock back.
	close() error
}

// A file is a segment's or a checkpoint's. Write appends.
type file interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Size() (int64, error)
	Truncate(size int64) error
	// Sync makes what was written survive a power loss.
	Sync() error
}

// disk is a folder of the operating system, locked for one process.
type disk struct {
	path string

	mu   sync.Mutex
	lock *os.File // the folder itself: it can be locked where nothing can be written
}

var _ folder = (*disk)(nil)

// ownerName is a file with the id of the process that has the folder locked.
const ownerName = "pid"

// openDisk makes a folder if there is none, and locks it.
func openDisk(path string) (*disk, error) {
	d := &disk{path: path}
	if err := d.make(); err != nil {
		return nil, err
	}
	return d, nil
}

// make makes the folder if there is none, and locks it.
func (d *disk) make() error {
	if err := os.MkdirAll(d.path, 0o750); err != nil {
		return err
	}
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	if err := flock.Take(f); err != nil {
		defer f.Close()
		if errors.Is(err, flock.ErrTaken) {
			return fmt.Errorf("%w: %s is in use by %s: want a folder of its own for each mapper", errNotOurs, d.path, d.owner())
		}
		return fmt.Errorf("lock %s: %w", d.path, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock != nil {
		_ = flock.Release(d.lock) // of a folder that was removed
	}
	d.lock = f
	// For people only: where it cannot be written the lock holds all the same.
	_ = os.WriteFile(filepath.Join(d.path, ownerName), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o640)
	return nil
}

// owner tells who has the folder locked.
func (d *disk) owner() string {
	b, err := os.ReadFile(filepath.Join(d.path, ownerName))
	pid := strings.TrimSpace(string(b))
	if err != nil || pid == "" {
		return "another process"
	}
	return "process " + pid
}

func (d *disk) names() ([]string, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (d *disk) check(name string) error {
	if err := d.checkFolder(); err != nil {
		return err
	}
	_, err := os.Lstat(filepath.Join(d.path, name))
	return err
}

func (d *disk) checkFolder() error {
	found, err := os.Stat(d.path)
	if err != nil {
		return err
	}
	locked, err := d.locked().Stat()
	if err == nil && !os.SameFile(found, locked) {
		err = fmt.Errorf("%s is another folder than before: want that one, or the mapper started anew", d.path)
	}
	return err
}

// create makes the folder, too, where it was removed. What stands in its place
// is left alone.
func (d *disk) create(name string) (file, error) {
	err := d.checkFolder()
	if errors.Is(err, fs.ErrNotExist) {
		err = d.make()
	}
	if err != nil {
		return nil, err
	}
	return d.openFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND)
}

func (d *disk) open(name string) (file, error) {
	f, err := d.openFile(name, os.O_RDWR|os.O_APPEND)
	if errors.Is(err, syscall.EROFS) {
		return d.openFile(name, os.O_RDONLY)
	}
	return f, err
}

func (d *disk) openFile(name string, flag int) (file, error) {
	f, err := os.OpenFile(filepath.Join(d.path, name), flag, 0o640)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (d *disk) rename(from, to string) error {
	return os.Rename(filepath.Join(d.path, from), filepath.Join(d.path, to))
}

func (d *disk) remove(name string) error { return os.Remove(filepath.Join(d.path, name)) }

func (d *disk) sync() error { return d.locked().Sync() }

func (d *disk) close() error { return flock.Release(d.locked()) }

// locked returns the folder, to be used without the mutex: the disk may hang.
func (d *disk) locked() *os.File {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lock
}

// diskFile is a file of the operating system.
type diskFile struct{ *os.File }

var _ file = diskFile{}

// Size implements file.
func (f diskFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
