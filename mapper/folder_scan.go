package mapper

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A file is what is known of one file.
type file struct {
	stamp    stamp             // of the content that was read last; the zero stamp: it is to be read again
	sum      [sha256.Size]byte // of that content
	objects  Objects           // of the last content that decoded
	problems []Problem         // of the content that was read last
	emptied  bool              // nothing was in it last time
}

// empty tells whether no content of the file ever had an object in it.
func (f *file) empty() bool { return len(f.objects.Devices)+len(f.objects.Models) == 0 }

// scan reads the folder into files.
func (f *Folder) scan() {
	entries, err := os.ReadDir(f.options.Dir)
	f.changed = f.changed || reasonOf(err) != reasonOf(f.missing)
	f.missing = err
	if err != nil {
		return
	}
	seen := map[string]bool{}
	for _, entry := range entries {
		name := entry.Name()
		if isDeviceFile(name) {
			seen[name] = true
			f.scanFile(name)
		}
	}
	known := len(f.files)
	maps.DeleteFunc(f.files, func(name string, _ *file) bool { return !seen[name] })
	f.changed = f.changed || len(f.files) < known
}

// isDeviceFile tells whether a file's name is one of CRs.
func isDeviceFile(name string) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return !strings.HasPrefix(name, ".")
	}
	return false
}

// scanFile reads one file, and decodes it if its content is new. What went since
// it was listed is left as it was: the folder as a whole may be gone, and the
// next scan knows.
func (f *Folder) scanFile(name string) {
	path := filepath.Join(f.options.Dir, name)
	now := stampOf(path, time.Now())
	if known := f.files[name]; known != nil && now != (stamp{}) && known.stamp == now {
		return
	}
	data, err := readRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err != nil {
			return
		}
		err = errors.New("the link leads nowhere: want a file")
	}
	known := f.files[name]
	if known == nil {
		known = &file{}
		f.files[name] = known
	}
	if err != nil {
		data = []byte(reasonOf(err))
	}
	emptied := err == nil && len(data) == 0
	first := emptied && !known.emptied && !known.empty()
	known.emptied = emptied
	known.stamp = stamp{}
	if first {
		return // who writes a file in place empties it before: what it held stays until the next scan
	}
	known.stamp = now
	sum := sha256.Sum256(data)
	if known.sum == sum {
		return
	}
	known.sum, f.changed = sum, true
	if err != nil {
		known.problems = []Problem{{File: path, Err: errors.New(reasonOf(err))}}
		return
	}
	objects, problems := Decode(path, data)
	known.problems = problems
	if len(problems) == 0 {
		known.objects = objects
	}
}

// maxFile is the largest file of CRs that is read, in bytes.
const maxFile = 1 << 20

// readRegular reads a file of at most maxFile bytes. What is no file, a named
// pipe for one, is refused and not waited for: it may have taken the file's
// place at any moment, so what was opened is asked what it is.
func readRegular(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if errors.Is(err, syscall.ENXIO) { // a socket
		return nil, errNoFile
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNoFile
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("it is larger than %v: split it", Size(maxFile))
	}
	return data, err
}

var errNoFile = errors.New("it is a folder or a device, a pipe or a socket: want a file")

// reasonOf drops the operation and the path of a file system's error. No
// error has no reason.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
