package mapper

import (
	"context"
	"slices"

	"k8s.io/klog/v2"

	"datastub/driver"
)

// desired returns what can be written of the device, and what the properties
// that can are desired to hold.
func (d *device) desired() (ts targets, desired map[string]string) {
	ts, desired = make(targets, len(d.tags)), map[string]string{}
	for i, t := range d.tags {
		ts[i] = target{config: &t.property.Point, point: t.point}
		if t.point != nil && t.property.Desired != "" {
			desired[t.name()] = t.property.Desired
		}
	}
	return ts, desired
}

// answer looks whether the writer asks for a property, and reads it out of its
// cycle. It returns false if the device is to end.
func (d *device) answer(ctx context.Context, log klog.Logger) bool {
	select {
	case a := <-d.writer.asks:
		reading, ok := d.readNow(ctx, log, a.property)
		if ok {
			a.answer <- reading
		}
		return ok
	default:
		return true
	}
}

// readNow reads one property. It is not ok if the device is to end.
func (d *device) readNow(ctx context.Context, log klog.Logger, property string) (r driver.Reading, ok bool) {
	place := slices.IndexFunc(d.tags, func(t *tag) bool { return t.name() == property && t.point != nil })
	if place < 0 {
		return driver.Reading{Err: ErrNoProperty}, true
	}
	readings, ok := d.collect(ctx, log, []int{place})
	if !ok || d.failure != nil {
		return driver.Reading{Err: d.failure}, ok
	}
	return readings[0], true
}
