package mapper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/klog/v2"

	"datastub/driver"
)

// readLimit is how long one read of a device may take. Drivers have timeouts
// of their own that are much shorter; this one is for those that fail.
const readLimit = 30 * time.Second

// hangLimit is when a read that did not even heed its deadline is called hung.
const hangLimit = readLimit + 5*time.Second

// told is the level of what the Source has logged already: wrong settings.
const told = 1

// A device runs one Spec, which may change. All its fields but channels and
// writer belong to the goroutine of run.
type device struct {
	specs    chan *Spec    // holds one: the next Spec, see hand
	news     chan struct{} // holds one: a round may have something to do
	spec     *Spec
	drivers  Drivers
	hook     *Hook
	reporter Reporter
	pusher   Pusher
	counters *counters
	writer   *writer
	shelf    shelf

	opened  driver.Device
	origin  time.Time // of the grids of all cycles
	tags    []*tag    // one a property, in the order of the spec
	failure error     // of the last read as a whole
	health  Health
	pending <-chan answer // the read that is under way, if there is one
}

// An answer is what one Read returned.
type answer struct {
	readings []driver.Reading
	err      error
}

func newDevice(spec Spec, drivers Drivers, publisher Publisher, reporter Reporter, pusher Pusher, counters *counters) *device {
	news := make(chan struct{}, 1)
	return &device{
		specs:    make(chan *Spec, 1),
		news:     news,
		spec:     &spec,
		drivers:  drivers,
		hook:     NewHook(&spec, publisher, counters.tally, time.Now),
		reporter: reporter,
		pusher:   pusher,
		counters: counters,
		writer:   newWriter(news),
	}
}

// run opens the device, reads it until ctx ends, and closes it. It returns
// when the driver has let go of it, which may be never if the driver hangs. It
// also ends for a new Spec if it cannot run, or hangs: the next device runs by
// that.
func (d *device) run(ctx context.Context) {
	log := klog.LoggerWithValues(klog.FromContext(ctx), "device", d.spec.Key.String())
	d.reporter.ReportSpec(*d.spec)
	if reason, faults := d.begin(log); reason != "" {
		d.setHealth(log.V(told), Unhealthy, reason, faults)
		for i := range d.spec.Properties {
			d.shelf.put(&d.spec.Properties[i], driver.Reading{Err: errors.New(reason)})
		}
		d.writer.close(fmt.Errorf("%w: it does not run: %s", driver.ErrUnreachable, reason))
		select {
		case <-ctx.Done():
		case <-d.specs:
		}
		return
	}
	writing, stop := context.WithCancel(ctx)
	written := make(chan struct{})
	go func() {
		defer close(written)
		d.writer.run(writing, log, d.opened)
	}()
	d.loop(ctx, log)
	stop()
	d.writer.close(errStopped)
	if err := guard(log, "close", d.opened.Close); err != nil {
		log.Error(err, "Device closed with an error")
	}
	if d.pending != nil {
		<-d.pending // Close ends it
	}
	<-written // and this
}

// begin opens the device, or tells why it cannot run as a whole, and all that
// is wrong.
func (d *device) begin(log klog.Logger) (reason string, faults []Fault) {
	if d.spec.Void {
		return summary(d.spec.Faults), d.spec.Faults
	}
	if err := d.open(log); err != nil {
		return oneLine(err), append(d.faults(), Fault{Reason: oneLine(err)})
	}
	d.writer.want(d.desired())
	d.writer.open()
	return "", nil
}

// open opens the device and finds its points. Only what keeps the whole
// device from running is an error.
func (d *device) open(log klog.Logger) error {
	drv, err := d.drivers.find(d.spec.Protocol)
	if err != nil {
		return err
	}
	err = guard(log, "open", func() (err error) {
		d.opened, err = drv.Open(d.spec.Key.String(), d.spec.Settings)
		return err
	})
	if err != nil {
		return err
	}
	d.origin = time.Now()
	for i := range d.spec.Properties {
		t := newTag(&d.spec.Properties[i], d.origin, d.origin)
		d.address(log, t)
		d.tags = append(d.tags, t)
	}
	return nil
}

// address finds the point of a tag. Wrong settings are its trouble.
func (d *device) address(log klog.Logger, t *tag) {
	err := guard(log, "point", func() (err error) {
		t.point, err = d.opened.Point(t.property.Point)
		return err
	})
	if err != nil {
		t.point, t.trouble = nil, oneLine(err)
		d.shelf.put(t.property, driver.Reading{Err: err})
		log.V(told).Info("Property is not read: its settings are wrong", "property", t.name(), "reason", t.trouble)
	}
}

// loop reads and reports on time until ctx ends.
func (d *device) loop(ctx context.Context, log klog.Logger) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.news:
		case <-timer.C:
		}
		if !d.round(ctx, log) {
			return
		}
		if next, ok := earliest(d.tags); ok {
			timer.Reset(time.Until(next))
		} // else no property can be read
	}
}

// round does what there is to do: what is asked for goes before what is due,
// for in a device that is slower than its cycles something always is. It
// returns false if the device is to end.
func (d *device) round(ctx context.Context, log klog.Logger) bool {
	if !d.adopt(log) || !d.answer(ctx, log) {
		return false
	}
	if due := d.due(time.Now()); len(due) > 0 {
		if _, ok := d.collect(ctx, log, due); !ok {
			return false
		}
	}
	now := time.Now()
	d.report(now)
	d.push(now)
	d.assess(log)
	return true
}

// due returns the places of the tags that are to be read now.
func (d *device) due(now time.Time) []int {
	var due []int
	for i, t := range d.tags {
		if t.point == nil {
			continue
		}
		is, skipped := t.collect.due(now)
		d.counters.skipped.Add(skipped)
		if is {
			due = append(due, i)
		}
	}
	return due
}

// collect reads the tags at these places, in one read, and hands the readings
// on. It is not ok if the device is to end.
func (d *device) collect(ctx context.Context, log klog.Logger, places []int) (readings []driver.Reading, ok bool) {
	points := make([]driver.Point, len(places))
	for i, place := range places {
		points[i] = d.tags[place].point
	}
	started := time.Now()
	a, ok := d.read(ctx, log, points)
	if !ok {
		return nil, false
	}
	d.counters.read(time.Since(started), a.err)
	if a.err == nil && len(a.readings) != len(points) {
		a.err = fmt.Errorf("driver gave %d readings for %d points", len(a.readings), len(points))
	}
	if d.failure != nil && a.err == nil {
		d.writer.reachable()
	}
	d.failure = a.err
	if a.err == nil {
		d.take(log, places, a.readings)
	} else {
		d.miss(places, a.err)
	}
	return a.readings, true
}

// take hands readings to the hook and remembers the newest.
func (d *device) take(log klog.Logger, places []int, readings []driver.Reading) {
	collected := make([]Collected, len(places))
	for i, place := range places {
		t := d.tags[place]
		collected[i] = Collected{Property: place, Reading: readings[i]}
		t.trouble = ""
		d.shelf.put(t.property, readings[i])
		if err := readings[i].Err; err != nil {
			d.counters.failed.Add(1)
			t.trouble = oneLine(err)
			continue
		}
		t.unreported, t.unpushed = true, true
	}
	for _, u := range d.hook.Publish(log, collected) {
		d.tags[u.Property].trouble = oneLine(u.Reading.Err)
	}
}

// miss notes that a read as a whole gave nothing.
func (d *device) miss(places []int, err error) {
	for _, place := range places {
		d.shelf.put(d.tags[place].property, driver.Reading{Err: err})
	}
}

// newest returns the newest reading of a tag that has a value.
func (d *device) newest(t *tag) driver.Reading {
	newest, _ := d.shelf.get(t.name())
	return newest.Reading
}

// report hands over what is new of the tags whose report is due.
func (d *device) report(now time.Time) {
	var values []Reported
	for _, t := range d.tags {
		if t.point == nil {
			continue
		}
		if due, _ := t.report.due(now); !due || !t.unreported {
			continue
		}
		values = append(values, Reported{Property: t.name(), Reading: d.newest(t), Desired: d.writer.held(t.name())})
		t.unreported = false
	}
	if len(values) > 0 {
		d.reporter.ReportValues(d.spec.Key, values)
	}
}

// push hands over what is new of the tags whose push is due.
func (d *device) push(now time.Time) {
	if d.pusher == nil {
		return
	}
	for _, t := range d.tags {
		if t.point == nil {
			continue
		}
		if due, _ := t.push.due(now); !due || !t.unpushed {
			continue
		}
		d.pusher.Push(d.spec.Key, t.property, d.newest(t))
		t.unpushed = false
	}
}

// read reads in a goroutine of its own, so that a driver that hangs is seen.
// It is not ok if ctx ended before the answer, or a new Spec came while the
// driver hung; pending is left then.
func (d *device) read(ctx context.Context, log klog.Logger, points []driver.Point) (a answer, ok bool) {
	answers := make(chan answer, 1) // read may be given up
	d.pending = answers
	go func() {
		ctx, cancel := context.WithTimeout(ctx, readLimit)
		defer cancel()
		var a answer
		a.err = guard(log, "read", func() (err error) {
			a.readings, err = d.opened.Read(ctx, points)
			return err
		})
		answers <- a
	}()
	hung := time.NewTimer(hangLimit)
	defer hung.Stop()
	var changed <-chan *Spec // none before the driver hangs
	for {
		select {
		case a = <-answers:
			d.pending = nil
			return a, ctx.Err() == nil
		case <-hung.C:
			d.setUnhealthy(log, fmt.Sprintf("a read has not returned after %v: the driver hangs", hangLimit))
			changed = d.specs
		case <-changed:
			return answer{}, false
		case <-ctx.Done():
			return answer{}, false
		}
	}
}
