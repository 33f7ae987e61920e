package mapper

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
	"k8s.io/apimachinery/pkg/util/validation/field"
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
	Defaults Rules                // what holds where a Device says nothing
	Vet      Vet                  // what the drivers say of a device
	Rescan   time.Duration        // DefaultRescan if 0
	Seen     func(Key, time.Time) // is told when a device's configuration was read as another one; nil: nobody is
}

// A Folder is a Source that reads Devices and DeviceModels from the files of
// one folder whose names end in .yaml, .yml or .json. Names that begin with a
// dot are passed over. What has such a name and is no file of 1 MiB at most, in
// UTF-8, is a file that cannot be read.
//
// What can be read is done; what cannot be read changes nothing: while a file
// does not decode, what it held before stays in force, until it is mended or
// removed. The same goes for the folder as a whole. A device whose model is
// missing is void; it starts when the model comes. Each problem, those
// that Vet finds included, is logged once for each content of its file, 50 of
// them at the most, and when a file has none any more, that is logged too.
type Folder struct {
	options FolderOptions
	files   map[string]*file // by name
	missing error            // why the folder could not be read last, if it could not
	changed bool             // files or missing, since they were applied last
	running map[Key]Spec
	told    map[string]bool // problems that were logged and still stand
	wrong   map[string]bool // files with problems, by path
}

var _ Source = (*Folder)(nil)

// NewFolder returns a Folder. The folder need not be there yet.
func NewFolder(options FolderOptions) (*Folder, error) {
	if options.Dir == "" {
		return nil, errors.New("folder of devices is empty: want its path")
	}
	if options.Vet == nil {
		return nil, errors.New("folder of devices has no vet: want that of the drivers")
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
		if f.changed {
			f.apply(ctx, target)
			f.changed = false
		}
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

// names returns the files' names in order.
func (f *Folder) names() []string { return slices.Sorted(maps.Keys(f.files)) }

// missingError names the key that is wrong when the folder cannot be read, or
// is nil.
func (f *Folder) missingError() error {
	if f.missing == nil {
		return nil
	}
	return field.Invalid(field.NewPath("devices", "folder"), f.options.Dir, reasonOf(f.missing)+": want "+aFolder)
}

// state merges all that is known of the files.
func (f *Folder) state() ([]Spec, []Problem) {
	c := catalog{}
	var problems []Problem
	for _, name := range f.names() {
		c[filepath.Join(f.options.Dir, name)] = f.files[name].objects
		problems = append(problems, f.files[name].problems...)
	}
	specs, merged := c.specs(f.options.Defaults, f.options.Vet)
	return specs, append(problems, merged...)
}

// apply tells the target what changed and logs it, and the problems that are
// new. Removals go first, so that what they free is free.
func (f *Folder) apply(ctx context.Context, target Target) {
	log := klog.FromContext(ctx)
	specs, problems := f.state()
	if err := f.missingError(); err != nil {
		problems = append(problems, Problem{File: f.options.Dir, Err: err})
	}
	f.tell(log, problems)
	wanted := make(map[Key]Spec, len(specs))
	for _, spec := range specs {
		wanted[spec.Key] = spec
	}
	for _, key := range slices.SortedFunc(maps.Keys(f.running), Key.Compare) {
		if _, ok := wanted[key]; !ok {
			log.Info("Device is removed", "device", key.String())
			target.Remove(key)
		}
	}
	for _, spec := range specs {
		before, ok := f.running[spec.Key]
		if ok && reflect.DeepEqual(before, spec) {
			continue
		}
		if ok {
			f.tellChanged(log, before, spec)
		}
		target.Put(spec)
		if f.options.Seen != nil {
			f.options.Seen(spec.Key, time.Now())
		}
	}
	f.running = wanted
}

// fileOf returns the path of the file that a device is in, or nothing.
func (f *Folder) fileOf(key Key) string {
	for _, name := range f.names() {
		for _, d := range f.files[name].objects.Devices {
			if (Key{d.Namespace, d.Name}) == key {
				return filepath.Join(f.options.Dir, name)
			}
		}
	}
	return ""
}
