package mapper

import (
	"context"
	"slices"

	"k8s.io/klog/v2"

	"datastub/driver"
)

// An observation is a driver's Observe that is under way. The zero observation
// has not begun.
type observation struct {
	points []driver.Point
	stop   context.CancelFunc
	ended  chan struct{} // closed when the driver has let go of it
}

// end ends the observation, and does not wait for that.
func (o *observation) end() {
	if o.stop != nil {
		o.stop()
	}
}

// wait waits for the end.
func (o *observation) wait() {
	if o.ended != nil {
		<-o.ended
	}
}

// observe has the device tell news of its points, if it can, and begins anew
// when they are others.
func (d *device) observe(ctx context.Context, log klog.Logger) {
	observer, ok := d.opened.(driver.Observer)
	if !ok {
		return
	}
	points := d.points()
	if slices.Equal(points, d.observation.points) {
		return
	}
	before := d.observation
	before.end()
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	d.observation = observation{points: points, stop: stop, ended: ended}
	go func() {
		defer close(ended)
		before.wait()
		err := guard(log, "observe", func() error {
			observer.Observe(ctx, points, d.tell)
			return nil
		})
		if err != nil {
			log.Error(err, "Device is not observed any more")
		}
	}()
}

// points returns those of the device that have right settings.
func (d *device) points() []driver.Point {
	var points []driver.Point
	for _, t := range d.tags {
		if t.point != nil {
			points = append(points, t.point)
		}
	}
	return points
}

// tell is called by the driver, with news.
func (d *device) tell(point driver.Point, reading driver.Reading) {
	d.inbox.put(tiding{point, reading})
	d.alarm.ring()
}

// hear takes the news that waits, beside what was read meanwhile.
func (d *device) hear(log klog.Logger, read []Collected) {
	all := read
	for _, t := range d.inbox.take() {
		place := slices.IndexFunc(d.tags, func(tag *tag) bool { return tag.point == t.point })
		if place >= 0 { // else of a point that there is no more
			all = append(all, Collected{Property: place, Reading: t.reading})
		}
	}
	for _, batch := range batches(all, len(read)) {
		d.take(log, batch)
	}
}

// batches parts readings, of which the first so many were read and the rest was
// told, so that none has two of one property, the older one first. What was read
// at once stays together if nothing was told.
func batches(all []Collected, read int) [][]Collected {
	if len(all) == 0 {
		return nil
	}
	if len(all) == read {
		return [][]Collected{all}
	}
	slices.SortStableFunc(all, func(a, b Collected) int { return a.Reading.Time.Compare(b.Reading.Time) })
	var parts [][]Collected
	begin, seen := 0, map[int]bool{}
	for i, c := range all {
		if seen[c.Property] {
			parts = append(parts, all[begin:i])
			begin, seen = i, map[int]bool{}
		}
		seen[c.Property] = true
	}
	return append(parts, all[begin:])
}
