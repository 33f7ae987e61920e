package mapper

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"

	"datastub/driver"
)

// told is the level of what the Source has logged already: wrong settings.
const told = 1

// A device runs one Spec, which may change. All its fields but alarm, specs and
// writer belong to what the alarm has done.
type device struct {
	specs    chan *Spec // holds one: the next Spec, see hand
	alarm    alarm      // rings when a round may have something to do
	spec     *Spec
	drivers  Drivers
	hook     *Hook
	reporter Reporter
	pusher   Pusher
	counters *counters
	writer   *writer
	shelf    *shelf
	inbox    inbox
	spread   time.Duration // see FleetOptions
	skipped  atomic.Uint64 // cycles, since it was opened

	opened      driver.Device
	observation observation
	origin      time.Time // of the grids of all cycles
	tags        []*tag    // one a property, in the order of the spec
	asked       bool      // it was read, or that was tried
	failure     error     // of the last read as a whole
	health      Health
	pending     <-chan answer // the read that is under way, if there is one
}

func newDevice(spec Spec, drivers Drivers, publisher Publisher, reporter Reporter, pusher Pusher, counters *counters, spread time.Duration) *device {
	d := &device{
		specs:    make(chan *Spec, 1),
		spec:     &spec,
		drivers:  drivers,
		hook:     NewHook(&spec, publisher, counters.tally, time.Now),
		reporter: reporter,
		pusher:   pusher,
		counters: counters,
		shelf:    newShelf(&spec),
		inbox:    inbox{dropped: &counters.dropped},
		spread:   spread,
	}
	d.writer = newWriter(d.alarm.ring, counters)
	return d
}

// run opens the device, reads it until ctx ends, and closes it, without waiting
// for that. It calls ended when the driver has let go of it, which may be never if
// the driver hangs. The device also ends for a new Spec if it cannot run, or
// hangs: the next device runs by that. Stop ends ctx, and is called in any case.
func (d *device) run(ctx context.Context, stop context.CancelFunc, log klog.Logger, ended func()) {
	var writing sync.WaitGroup
	begun := false
	context.AfterFunc(ctx, d.alarm.ring)
	d.alarm.begin(func() {
		if !begun {
			begun = true
			d.begin(log, func() { writing.Go(func() { d.writer.run(ctx, log, d.opened) }) })
		}
		if ctx.Err() == nil && d.goesOn(ctx, log) {
			return
		}
		d.alarm.end()
		stop()
		if d.opened != nil {
			d.observation.end()
			d.close(log)
			writing.Wait() // Close ends it
			d.observation.wait()
		}
		ended()
	})
}

// close has the driver let go of the device.
func (d *device) close(log klog.Logger) {
	d.writer.close(errStopped)
	if err := guard(log, "close", d.opened.Close); err != nil {
		log.Error(err, "Device closed with an error")
	}
	if d.pending != nil {
		<-d.pending // Close ends it
	}
}

// begin opens the device, or tells why it cannot run as a whole, and all that
// is wrong. It has the writer begin by write.
func (d *device) begin(log klog.Logger, write func()) {
	d.reporter.ReportSpec(*d.spec)
	if d.spec.Void {
		d.refuse(log, summary(d.spec.Faults), d.spec.Faults)
		return
	}
	if err := d.open(log); err != nil {
		d.refuse(log, oneLine(err), append(d.faults(), Fault{Reason: oneLine(err)}))
		return
	}
	d.writer.want(d.desired())
	d.writer.open(write)
}

// refuse says why the device does not run.
func (d *device) refuse(log klog.Logger, reason string, faults []Fault) {
	d.setHealth(log.V(told), Unhealthy, reason, faults)
	for i := range d.spec.Properties {
		d.shelf.put(i, driver.Reading{Err: errors.New(reason)})
	}
	d.writer.close(fmt.Errorf("%w: it does not run: %s", driver.ErrUnreachable, reason))
}

// open opens the device and finds its points. Only what keeps the whole
// device from running is an error.
func (d *device) open(log klog.Logger) error {
	opened, errs := d.drivers.open(log, d.spec)
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	d.opened = opened
	d.origin = time.Now().Add(d.spec.phase(d.spread))
	d.tags = make([]*tag, len(d.spec.Properties))
	for i := range d.tags {
		d.tags[i] = newTag(&d.spec.Properties[i], 0)
		d.address(log, i, d.tags[i])
	}
	return nil
}

// address finds the point of the tag at a place. Wrong settings are its trouble.
func (d *device) address(log klog.Logger, place int, t *tag) {
	point, errs := findPoint(log, d.opened, t.property)
	t.point = point
	if len(errs) > 0 {
		err := errors.Join(errs...)
		t.point, t.trouble = nil, oneLine(err)
		d.shelf.put(place, driver.Reading{Err: err})
		log.V(told).Info("Property is not read: its settings are wrong", "property", t.name(), "reason", t.trouble)
	}
}

// goesOn does what there is to do, and sets the alarm for what is due next. It
// returns false if the device is to end.
func (d *device) goesOn(ctx context.Context, log klog.Logger) bool {
	if d.opened == nil {
		return len(d.specs) == 0
	}
	if !d.round(ctx, log) {
		return false
	}
	if next, ok := earliest(d.tags); ok {
		d.alarm.ringIn(time.Until(d.origin.Add(next)))
	} // else no property can be read
	return true
}

// round does what there is to do: what is asked for goes before what is due,
// for in a device that is slower than its cycles something always is. It
// returns false if the device is to end.
func (d *device) round(ctx context.Context, log klog.Logger) bool {
	if !d.adopt(log) || !d.answer(ctx, log) {
		return false
	}
	d.observe(ctx, log)
	d.hear(log, nil)
	if due, since := d.due(time.Since(d.origin)); len(due) > 0 {
		if _, ok := d.collect(ctx, log, due); !ok {
			return false
		}
		if d.failure == nil {
			d.counters.lateness.Observe((time.Since(d.origin) - since).Seconds())
		}
	}
	now := time.Since(d.origin)
	d.report(now)
	d.push(now)
	d.assess(log)
	return true
}

// report hands over what is new of the tags whose report is due.
func (d *device) report(now time.Duration) {
	var values []Reported
	for i, t := range d.tags {
		if t.point == nil {
			continue
		}
		if due, _ := t.report.due(now); !due || !t.unreported {
			continue
		}
		values = append(values, Reported{Property: t.name(), Reading: d.shelf.at(i), Desired: d.writer.held(t.name())})
		t.unreported = false
	}
	if len(values) > 0 {
		d.reporter.ReportValues(d.spec.Key, values)
	}
}

// push hands over what is new of the tags whose push is due.
func (d *device) push(now time.Duration) {
	if d.pusher == nil {
		return
	}
	for i, t := range d.tags {
		if t.point == nil {
			continue
		}
		if due, _ := t.push.due(now); !due || !t.unpushed {
			continue
		}
		d.pusher.Push(d.spec.Key, t.property, d.shelf.at(i))
		t.unpushed = false
	}
}
