package mapper

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"k8s.io/klog/v2"
)

// DefaultRescan is how often a Folder looks by itself: notifications are
// missed on network file systems and some bind mounts.
const DefaultRescan = 5 * time.Second

// settle is how long a folder must be quiet after a notification before it is
// read. Editors and Kubernetes take several steps for one change, and a step
// between shows files missing that come right back.
const settle = 100 * time.Millisecond

// FolderOptions are what a Folder needs.
type FolderOptions struct {
	Dir      string
	Defaults Rules         // what holds where a Device says nothing
	Rescan   time.Duration // DefaultRescan if 0
}

// A Folder is a Source that reads Devices and DeviceModels from the files of
// one folder whose names end in .yaml, .yml or .json. Names that begin with a
// dot are passed over, and so are folders inside it.
//
// What can be read is done; what cannot be read changes nothing: while a file
// does not decode, what it held before stays in force, until it is mended or
// removed. The same goes for the folder as a whole. A device whose model is
// missing does not run; it starts when the model comes. Each problem is logged
// once for each content of its file.
type Folder struct {
	options FolderOptions
	files   map[string]*file // by name
	missing error            // why the folder could not be read last, if it could not
	running map[Key]Spec
	told    map[string]bool // problems that were logged and still stand
}

var _ Source = (*Folder)(nil)

// A file is what is known of one file.
type file struct {
	sum      [sha256.Size]byte // of the content that was read last
	objects  Objects           // of the last content that decoded
	problems []Problem         // of the content that was read last
}

// NewFolder returns a Folder. The folder need not be there yet.
func NewFolder(options FolderOptions) (*Folder, error) {
	if options.Dir == "" {
		return nil, errors.New("folder of devices is empty: want its path")
	}
	if options.Rescan == 0 {
		options.Rescan = DefaultRescan
	}
	return &Folder{
		options: options,
		files:   map[string]*file{},
		running: map[Key]Spec{},
		told:    map[string]bool{},
	}, nil
}

// Run implements Source. It does not return an error.
func (f *Folder) Run(ctx context.Context, target Target) error {
	events, failures, rewatch, stop := f.watch(ctx)
	defer stop()
	rescan := time.NewTicker(f.options.Rescan)
	defer rescan.Stop()
	quiet := time.NewTimer(0) // the first scan is at once
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events:
			quiet.Reset(settle)
			continue
		case <-failures: // an overflow, most likely: something was missed
			quiet.Reset(settle)
			continue
		case <-quiet.C:
		case <-rescan.C:
		}
		rewatch()
		f.scan()
		f.apply(ctx, target)
	}
}

// watch returns the folder's notifications. Where the system gives none, the
// channels are nil and rescans do alone. Rewatch follows a folder that was
// not there or was replaced.
func (f *Folder) watch(ctx context.Context) (events <-chan fsnotify.Event, failures <-chan error, rewatch, stop func()) {
	nothing := func() {}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		klog.FromContext(ctx).Error(err, "No notifications of changed device files: rescans find them", "folder", f.options.Dir, "every", f.options.Rescan)
		return nil, nil, nothing, nothing
	}
	rewatch = func() { _ = watcher.Add(f.options.Dir) } // tried again with each scan
	rewatch()
	return watcher.Events, watcher.Errors, rewatch, func() { _ = watcher.Close() }
}

// scan reads the folder into files.
func (f *Folder) scan() {
	entries, err := os.ReadDir(f.options.Dir)
	f.missing = err
	if err != nil {
		return
	}
	seen := map[string]bool{}
	for _, entry := range entries {
		name := entry.Name()
		if isDeviceFile(name) && f.scanFile(name) {
			seen[name] = true
		}
	}
	maps.DeleteFunc(f.files, func(name string, _ *file) bool { return !seen[name] })
}

// isDeviceFile tells whether a file's name is one of CRs.
func isDeviceFile(name string) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return !strings.HasPrefix(name, ".")
	}
	return false
}

// scanFile reads one file, and decodes it if its content is new. It returns
// false if there is no such file.
func (f *Folder) scanFile(name string) bool {
	path := filepath.Join(f.options.Dir, name)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return false
	}
	var data []byte
	if err == nil {
		data, err = readLimited(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	known := f.files[name]
	if known == nil {
		known = &file{}
		f.files[name] = known
	}
	if err != nil {
		known.sum = sha256.Sum256([]byte(err.Error()))
		known.problems = []Problem{{File: path, Err: errors.New(reasonOf(err))}}
		return true
	}
	sum := sha256.Sum256(data)
	if known.sum == sum {
		return true
	}
	known.sum = sum
	objects, problems := Decode(path, data)
	known.problems = problems
	if len(problems) == 0 {
		known.objects = objects
	}
	return true
}

// reasonOf drops the operation and the path of a file system's error.
func reasonOf(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// names returns the files' names in order.
func (f *Folder) names() []string { return slices.Sorted(maps.Keys(f.files)) }

// state merges all that is known.
func (f *Folder) state() ([]Spec, []Problem) {
	c := catalog{}
	var problems []Problem
	if f.missing != nil {
		problems = append(problems, Problem{File: f.options.Dir, Err: errors.New(reasonOf(f.missing))})
	}
	for _, name := range f.names() {
		c[filepath.Join(f.options.Dir, name)] = f.files[name].objects
		problems = append(problems, f.files[name].problems...)
	}
	specs, merged := c.specs(f.options.Defaults)
	return specs, append(problems, merged...)
}

// apply tells the target what changed and logs the problems that are new.
// Removals go first, so that what they free is free.
func (f *Folder) apply(ctx context.Context, target Target) {
	specs, problems := f.state()
	f.tell(ctx, problems)
	wanted := make(map[Key]Spec, len(specs))
	for _, spec := range specs {
		wanted[spec.Key] = spec
	}
	for _, key := range slices.SortedFunc(maps.Keys(f.running), Key.compare) {
		if _, ok := wanted[key]; !ok {
			target.Remove(key)
		}
	}
	for _, spec := range specs {
		if before, ok := f.running[spec.Key]; !ok || !reflect.DeepEqual(before, spec) {
			target.Put(spec)
		}
	}
	f.running = wanted
}

// tell logs each problem once for each content of its file.
func (f *Folder) tell(ctx context.Context, problems []Problem) {
	standing := make(map[string]bool, len(problems))
	for _, p := range problems {
		content := ""
		if known := f.files[filepath.Base(p.File)]; known != nil {
			content = string(known.sum[:])
		}
		id := content + p.Error()
		if !f.told[id] && !standing[id] {
			klog.FromContext(ctx).Error(p.Err, "Device file has a problem", "file", p.File, "object", p.Object)
		}
		standing[id] = true
	}
	f.told = standing
}
