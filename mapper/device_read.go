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

// An answer is what one Read returned.
type answer struct {
	readings []driver.Reading
	err      error
}

// due returns the places of the tags that are to be read now, and since when
// one of them is.
func (d *device) due(now time.Duration) (due []int, since time.Duration) {
	for i, t := range d.tags {
		if t.point == nil {
			continue
		}
		at, _ := t.collect.at()
		is, skipped := t.collect.due(now)
		d.counters.skipped.Add(skipped)
		d.skipped.Add(skipped)
		if !is {
			continue
		}
		if len(due) == 0 || at < since {
			since = at
		}
		due = append(due, i)
	}
	return due, since
}

// collect reads the tags at these places, in one read, and hands the readings
// on. It is not ok if the device is to end.
func (d *device) collect(ctx context.Context, log klog.Logger, places []int) (readings []driver.Reading, ok bool) {
	points := make([]driver.Point, len(places))
	for i, place := range places {
		points[i] = d.tags[place].point
	}
	started := time.Now()
	d.asked = true
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
		d.hear(log, collectedOf(places, a.readings))
	} else {
		d.miss(places, a.err)
	}
	return a.readings, true
}

// collectedOf returns what was read of properties at their places.
func collectedOf(places []int, readings []driver.Reading) []Collected {
	collected := make([]Collected, len(places))
	for i, place := range places {
		collected[i] = Collected{Property: place, Reading: readings[i]}
	}
	return collected
}

// take hands readings, one of a property at most, to the hook and remembers the
// newest.
func (d *device) take(log klog.Logger, collected []Collected) {
	for _, c := range collected {
		t := d.tags[c.Property]
		t.trouble = ""
		d.shelf.put(c.Property, c.Reading)
		if err := c.Reading.Err; err != nil {
			d.counters.failed.Add(1)
			t.trouble = t.name() + ": " + lasting(err)
			continue
		}
		t.unreported, t.unpushed = true, true
	}
	for _, u := range d.hook.Publish(log, collected) {
		t := d.tags[u.Property]
		t.trouble = t.name() + ": " + oneLine(u.Reading.Err)
	}
}

// miss notes that a read as a whole gave nothing.
func (d *device) miss(places []int, err error) {
	for _, place := range places {
		d.shelf.put(place, driver.Reading{Err: err})
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
