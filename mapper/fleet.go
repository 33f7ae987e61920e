package mapper

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// DefaultStopLimit is how long a Fleet waits for its devices at its end. With
// the publisher's 3 s, and 1 s for a disk that hangs, it stays below the 5 s in
// which a mapper must end.
const DefaultStopLimit = 800 * time.Millisecond

// DefaultSpread is an App's: nobody waits longer to see a device that was
// added.
const DefaultSpread = time.Second

// FleetOptions are what a Fleet needs.
type FleetOptions struct {
	Drivers   Drivers
	Publisher Publisher
	Reporter  Reporter
	Pusher    Pusher        // is told of Specs as the Reporter is; nil: nothing is pushed
	Tally     *Tally        // where values are counted; nil: nobody else wants to know
	StopLimit time.Duration // DefaultStopLimit if 0
	// Spread is the time over which the first reads of devices are spread, or
	// their shortest cycle where that is less, so that not all that a mapper
	// starts with are read at one moment, then and in each cycle; 0: each is read
	// at once.
	Spread time.Duration
}

func (o *FleetOptions) validate() error {
	switch {
	case len(o.Drivers) == 0:
		return errors.New("fleet has no drivers: want one at least")
	case o.Publisher == nil:
		return errors.New("fleet has no publisher")
	case o.Reporter == nil:
		return errors.New("fleet has no reporter")
	}
	return nil
}

// A Fleet is a Target that runs each device beside all others. Put and
// Remove only note what is wanted; Run brings it about, key by key. A device
// takes another Spec while it runs, and only the properties that are others
// notice, unless its protocol or settings are others. Then it is stopped, and
// the new one starts when the old one has ended, for both may want one bus. One
// that hangs keeps its own key waiting and no other.
type Fleet struct {
	options  FleetOptions
	counters counters
	changed  chan struct{} // holds one: dirty is not empty

	mu      sync.Mutex
	wanted  map[Key]Spec
	dirty   map[Key]bool    // wanted or not wanted since Run looked last
	running map[Key]*device // those that run
}

var _ Target = (*Fleet)(nil)

// NewFleet returns a fleet without devices.
func NewFleet(options FleetOptions) (*Fleet, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	if options.StopLimit == 0 {
		options.StopLimit = DefaultStopLimit
	}
	if options.Tally == nil {
		options.Tally = new(Tally)
	}
	if options.Pusher != nil {
		options.Reporter = Reporters{options.Reporter, listener{options.Pusher}}
	}
	return &Fleet{
		options:  options,
		counters: counters{tally: options.Tally, reads: newReads(), lateness: newLateness(), writes: newWrites()},
		changed:  make(chan struct{}, 1),
		wanted:   map[Key]Spec{},
		dirty:    map[Key]bool{},
		running:  map[Key]*device{},
	}, nil
}

// Put implements Target.
func (f *Fleet) Put(spec Spec) {
	f.mu.Lock()
	f.wanted[spec.Key] = spec
	f.dirty[spec.Key] = true
	f.mu.Unlock()
	wake(f.changed)
}

// Remove implements Target.
func (f *Fleet) Remove(key Key) {
	f.mu.Lock()
	delete(f.wanted, key)
	f.dirty[key] = true
	f.mu.Unlock()
	wake(f.changed)
}

// Counts returns what the fleet has done so far.
func (f *Fleet) Counts() Counts { return f.counters.counts() }

// size returns how many devices are wanted.
func (f *Fleet) size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.wanted)
}

// skipped returns how many cycles of a device were left out since it was opened.
func (f *Fleet) skipped(key Key) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.running[key]; d != nil {
		return d.skipped.Load()
	}
	return 0
}

// A running is one device that was started and has not ended.
type running struct {
	spec   Spec // that it was given last
	device *device
	stop   context.CancelFunc
}

// Run runs the devices until ctx ends, then stops them, all at once. The error
// names those that had not ended after the stop limit; their drivers hang.
// It is called once.
func (f *Fleet) Run(ctx context.Context) error {
	r := &runner{fleet: f, devices: map[Key]running{}, ended: make(chan Key), gone: make(chan struct{})}
	defer close(r.gone)
	for {
		select {
		case <-ctx.Done():
			return r.stop()
		case <-f.changed:
			for _, key := range f.takeDirty() {
				r.reconcile(ctx, key)
			}
		case key := <-r.ended:
			delete(r.devices, key)
			f.setRunning(key, nil)
			r.reconcile(ctx, key)
		}
	}
}

// takeDirty returns the keys to look at, in order.
func (f *Fleet) takeDirty() []Key {
	f.mu.Lock()
	defer f.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(f.dirty), Key.Compare)
	clear(f.dirty)
	return keys
}

// setRunning says which device runs under a key; nil: none does any more.
func (f *Fleet) setRunning(key Key, d *device) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d == nil {
		delete(f.running, key)
	} else {
		f.running[key] = d
	}
}

// A runner is what Run works on. It belongs to Run's goroutine.
type runner struct {
	fleet   *Fleet
	devices map[Key]running
	ended   chan Key      // from each device as it ends
	gone    chan struct{} // closed when nobody takes from ended any more
}

// reconcile makes one device what is wanted of it, or brings it a step nearer.
func (r *runner) reconcile(ctx context.Context, key Key) {
	spec, wanted := r.fleet.Spec(key)
	now, runs := r.devices[key]
	switch {
	case runs && (!wanted || restarts(&now.spec, &spec)):
		now.stop() // when it has ended, reconcile comes again
	case runs && !reflect.DeepEqual(now.spec, spec):
		now.device.hand(&spec)
		now.spec = spec
		r.devices[key] = now
	case runs:
	case wanted:
		r.start(ctx, spec)
	default:
		r.fleet.options.Reporter.Removed(key)
	}
}

func (r *runner) start(ctx context.Context, spec Spec) {
	ctx, stop := context.WithCancel(ctx)
	log := klog.LoggerWithValues(klog.FromContext(ctx), "device", spec.Key.String())
	o := r.fleet.options
	d := newDevice(spec, o.Drivers, o.Publisher, o.Reporter, o.Pusher, &r.fleet.counters, o.Spread)
	r.devices[spec.Key] = running{spec: spec, device: d, stop: stop}
	r.fleet.setRunning(spec.Key, d)
	d.run(ctx, stop, log, func() {
		select {
		case r.ended <- spec.Key:
		case <-r.gone:
		}
	})
}

// stop waits for the devices, whose context has ended.
func (r *runner) stop() error {
	limit := time.NewTimer(r.fleet.options.StopLimit)
	defer limit.Stop()
	for len(r.devices) > 0 {
		select {
		case key := <-r.ended:
			delete(r.devices, key)
		case <-limit.C:
			return fmt.Errorf("stop devices: %s did not end within %v", strings.Join(r.names(), ", "), r.fleet.options.StopLimit)
		}
	}
	return nil
}

func (r *runner) names() []string {
	var names []string
	for _, key := range slices.SortedFunc(maps.Keys(r.devices), Key.Compare) {
		names = append(names, key.String())
	}
	return names
}
