package mapper

import (
	"context"
	"slices"

	"k8s.io/klog/v2"

	"datastub/driver"
)

// desired returns what can be written of the device, and what the properties
// that can are desired to hold.
func (d *device) desired() (targets map[string]target, desired map[string]string) {
	targets, desired = make(map[string]target, len(d.tags)), map[string]string{}
	for _, t := range d.tags {
		targets[t.name()] = target{config: t.property.Point, point: t.point}
		if t.point != nil && t.property.Desired != "" {
			desired[t.name()] = t.property.Desired
		}
	}
	return targets, desired
}

// answer reads one property out of its cycle. It returns false if ctx ended
// meanwhile.
func (d *device) answer(ctx context.Context, log klog.Logger, a ask) bool {
	place := d.place(a.property)
	if place < 0 || d.tags[place].point == nil {
		a.answer <- driver.Reading{Err: ErrNoProperty}
		return true
	}
	readings, ok := d.collect(ctx, log, []int{place})
	switch {
	case !ok:
	case d.failure != nil:
		a.answer <- driver.Reading{Err: d.failure}
	default:
		a.answer <- readings[0]
	}
	return ok
}

// place returns where a property is among the tags, or -1.
func (d *device) place(property string) int {
	return slices.IndexFunc(d.tags, func(t *tag) bool { return t.name() == property })
}
