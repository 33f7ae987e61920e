package mapper

import (
	"context"
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

// A device runs one Spec. All its fields belong to the goroutine of run.
type device struct {
	spec     *Spec
	drivers  Drivers
	hook     *Hook
	reporter Reporter
	counters *counters

	opened   driver.Device
	points   []driver.Point   // by property; nil where its settings are wrong
	troubles []string         // by property: why it has no value
	newest   []driver.Reading // by property; the zero Reading when it was reported
	failure  error            // of the last read as a whole
	health   Health
	pending  <-chan answer // the read that is under way, if there is one
}

// An answer is what one Read returned.
type answer struct {
	readings []driver.Reading
	err      error
}

func newDevice(spec Spec, drivers Drivers, publisher Publisher, reporter Reporter, counters *counters) *device {
	return &device{
		spec:     &spec,
		drivers:  drivers,
		hook:     NewHook(&spec, publisher, counters.tally, time.Now),
		reporter: reporter,
		counters: counters,
		points:   make([]driver.Point, len(spec.Properties)),
		troubles: make([]string, len(spec.Properties)),
		newest:   make([]driver.Reading, len(spec.Properties)),
	}
}

// run opens the device, reads it until ctx ends, and closes it. It returns
// when the driver has let go of it, which may be never if the driver hangs.
func (d *device) run(ctx context.Context) {
	log := klog.LoggerWithValues(klog.FromContext(ctx), "device", d.spec.Key.String())
	if d.spec.Void {
		d.setHealth(log.V(told), Unhealthy, summary(d.spec.Faults))
		<-ctx.Done()
		return
	}
	if err := d.open(log); err != nil {
		d.setHealth(log.V(told), Unhealthy, oneLine(err))
		<-ctx.Done() // wrong settings stay wrong: the next Spec is another device
		return
	}
	d.loop(ctx, log)
	if err := guard(log, "close", d.opened.Close); err != nil {
		log.Error(err, "Device closed with an error")
	}
	if d.pending != nil {
		<-d.pending // Close ends it
	}
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
	for i := range d.spec.Properties {
		config := d.spec.Properties[i].Point
		err := guard(log, "point", func() (err error) {
			d.points[i], err = d.opened.Point(config)
			return err
		})
		if err != nil {
			d.points[i] = nil
			d.troubles[i] = oneLine(err)
			log.V(told).Info("Property is not read: its settings are wrong", "property", config.Name, "reason", d.troubles[i])
		}
	}
	return nil
}

// loop reads and reports on time until ctx ends.
func (d *device) loop(ctx context.Context, log klog.Logger) {
	start := time.Now()
	collect := newSchedule(start, d.cycles(func(p *Property) time.Duration { return p.CollectCycle }))
	report := newSchedule(start, d.cycles(func(p *Property) time.Duration {
		if !p.ReportToCloud {
			return 0
		}
		return p.ReportCycle
	}))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		due, skipped := collect.due(time.Now())
		d.counters.skipped.Add(skipped)
		if len(due) > 0 && !d.collect(ctx, log, due) {
			return
		}
		if due, _ := report.due(time.Now()); len(due) > 0 {
			d.report(due)
		}
		d.assess(log)
		next, ok := earliest(collect, report)
		if !ok { // no property can be read
			<-ctx.Done()
			return
		}
		timer.Reset(time.Until(next))
	}
}

// cycles returns the cycle of each property that can be read, 0 of others.
func (d *device) cycles(of func(*Property) time.Duration) []time.Duration {
	cycles := make([]time.Duration, len(d.points))
	for i, point := range d.points {
		if point != nil {
			cycles[i] = of(&d.spec.Properties[i])
		}
	}
	return cycles
}

func earliest(a, b *schedule) (time.Time, bool) {
	next, ok := a.at()
	if other, has := b.at(); has && (!ok || other.Before(next)) {
		return other, true
	}
	return next, ok
}

// collect reads the properties, in one read, and hands the readings on. It
// returns false if ctx ended meanwhile.
func (d *device) collect(ctx context.Context, log klog.Logger, properties []int) bool {
	points := make([]driver.Point, len(properties))
	for i, property := range properties {
		points[i] = d.points[property]
	}
	started := time.Now()
	a, ok := d.read(ctx, log, points)
	if !ok {
		return false
	}
	d.counters.read(time.Since(started), a.err)
	if a.err == nil && len(a.readings) != len(points) {
		a.err = fmt.Errorf("driver gave %d readings for %d points", len(a.readings), len(points))
	}
	d.failure = a.err
	if a.err == nil {
		d.take(log, properties, a.readings)
	}
	return true
}

// take hands readings to the hook and remembers the newest.
func (d *device) take(log klog.Logger, properties []int, readings []driver.Reading) {
	collected := make([]Collected, len(properties))
	for i, property := range properties {
		collected[i] = Collected{Property: property, Reading: readings[i]}
		d.troubles[property] = ""
		if err := readings[i].Err; err != nil {
			d.counters.failed.Add(1)
			d.troubles[property] = oneLine(err)
			continue
		}
		d.newest[property] = readings[i]
	}
	for _, u := range d.hook.Publish(log, collected) {
		d.troubles[u.Property] = oneLine(u.Reading.Err)
	}
}

// report hands over what is new of the properties.
func (d *device) report(properties []int) {
	var values []Reported
	for _, property := range properties {
		if r := d.newest[property]; r.Value != nil {
			values = append(values, Reported{Property: d.spec.Properties[property].Point.Name, Reading: r})
			d.newest[property] = driver.Reading{}
		}
	}
	if len(values) > 0 {
		d.reporter.ReportValues(d.spec.Key, values)
	}
}

// read reads in a goroutine of its own, so that a driver that hangs is seen.
// It is not ok if ctx ended before the answer; pending is left then.
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
	for {
		select {
		case a = <-answers:
			d.pending = nil
			return a, ctx.Err() == nil
		case <-hung.C:
			d.setHealth(log, Unhealthy, fmt.Sprintf("a read has not returned after %v: the driver hangs", hangLimit))
		case <-ctx.Done():
			return answer{}, false
		}
	}
}
