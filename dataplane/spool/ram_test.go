package spool

import (
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
)

// ram is a folder that keeps what is synced and what is not apart, and fails
// and hangs when it is told to.
type ram struct {
	mu         sync.Mutex
	files      map[string]*ramFile // as a process sees it
	durable    map[string]*ramFile // what a power loss leaves
	fail       error               // of everything that writes
	failOn     string              // only of this: write, sync, create
	hang       chan struct{}       // what writes waits until it is closed; nil: it does not
	syncs      int
	unreadable string // a file that cannot be opened
}

type ramFile struct {
	folder *ram
	data   []byte
	synced int
}

func newRAM() *ram { return &ram{files: map[string]*ramFile{}, durable: map[string]*ramFile{}} }

// enter begins what may fail or hang. The folder is locked where it did not.
func (r *ram) enter(what string) error {
	r.mu.Lock()
	for hang := r.hang; hang != nil; hang = r.hang {
		r.mu.Unlock()
		<-hang
		r.mu.Lock()
	}
	if r.fail != nil && (r.failOn == "" || r.failOn == what) {
		defer r.mu.Unlock()
		return r.fail
	}
	return nil
}

func (r *ram) set(fail error, on string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail, r.failOn = fail, on
}

// stall makes all that writes wait, until resume is called.
func (r *ram) stall() (resume func()) {
	hang := make(chan struct{})
	r.mu.Lock()
	r.hang = hang
	r.mu.Unlock()
	return func() {
		r.mu.Lock()
		r.hang = nil
		r.mu.Unlock()
		close(hang)
	}
}

// powerLoss returns what is left: synced names with synced bytes, and a part
// of what was not.
func (r *ram) powerLoss(rng *rand.Rand) *ram {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := newRAM()
	for _, name := range slices.Sorted(maps.Keys(r.durable)) {
		f := r.durable[name]
		n := f.synced
		if more := len(f.data) - n; more > 0 {
			n += rng.IntN(more + 1)
		}
		kept := &ramFile{folder: left, data: slices.Clone(f.data[:n]), synced: n}
		left.files[name], left.durable[name] = kept, kept
	}
	return left
}

// kill returns what a process that was killed leaves.
func (r *ram) kill() *ram {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := newRAM()
	for name, f := range r.files {
		left.files[name] = &ramFile{folder: left, data: slices.Clone(f.data), synced: f.synced}
		if r.durable[name] == f {
			left.durable[name] = left.files[name]
		}
	}
	return left
}

func (r *ram) names() ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.files)), nil
}

func (r *ram) create(name string) (file, error) {
	if err := r.enter("create"); err != nil {
		return nil, err
	}
	defer r.mu.Unlock()
	if r.files[name] != nil {
		return nil, fs.ErrExist
	}
	f := &ramFile{folder: r}
	r.files[name] = f
	return &ramHandle{ramFile: f}, nil
}

func (r *ram) open(name string) (file, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if name == r.unreadable {
		return nil, syscall.EIO
	}
	if r.files[name] == nil {
		return nil, fs.ErrNotExist
	}
	return &ramHandle{ramFile: r.files[name]}, nil
}

func (r *ram) check(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.files[name] == nil {
		return fs.ErrNotExist
	}
	return nil
}

func (r *ram) rename(from, to string) error {
	if err := r.enter("rename"); err != nil {
		return err
	}
	defer r.mu.Unlock()
	if r.files[from] == nil {
		return fs.ErrNotExist
	}
	r.files[to] = r.files[from]
	delete(r.files, from)
	return nil
}

func (r *ram) remove(name string) error {
	if err := r.enter("remove"); err != nil {
		return err
	}
	defer r.mu.Unlock()
	if r.files[name] == nil {
		return fs.ErrNotExist
	}
	delete(r.files, name)
	return nil
}

func (r *ram) sync() error {
	if err := r.enter("sync"); err != nil {
		return err
	}
	defer r.mu.Unlock()
	r.syncs++
	r.durable = maps.Clone(r.files)
	return nil
}

func (r *ram) close() error { return nil }

// bytes returns how many there are in all files of records.
func (r *ram) bytes() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for name, f := range r.files {
		if _, ok := parseSegmentName(name); ok {
			n += len(f.data)
		}
	}
	return int64(n)
}

// ramHandle is an open file.
type ramHandle struct{ *ramFile }

func (f *ramHandle) Write(b []byte) (int, error) {
	if err := f.folder.enter("write"); err != nil {
		return 0, err
	}
	defer f.folder.mu.Unlock()
	f.data = append(f.data, b...)
	return len(b), nil
}

func (f *ramHandle) ReadAt(b []byte, at int64) (int, error) {
	f.folder.mu.Lock()
	defer f.folder.mu.Unlock()
	if at > int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *ramHandle) Size() (int64, error) {
	f.folder.mu.Lock()
	defer f.folder.mu.Unlock()
	return int64(len(f.data)), nil
}

func (f *ramHandle) Truncate(size int64) error {
	if err := f.folder.enter("truncate"); err != nil {
		return err
	}
	defer f.folder.mu.Unlock()
	for int64(len(f.data)) < size {
		f.data = append(f.data, 0)
	}
	f.data = f.data[:size]
	f.synced = min(f.synced, int(size))
	return nil
}

func (f *ramHandle) Sync() error {
	if err := f.folder.enter("sync"); err != nil {
		return err
	}
	defer f.folder.mu.Unlock()
	f.folder.syncs++
	f.synced = len(f.data)
	return nil
}

func (f *ramHandle) Close() error { return nil }
