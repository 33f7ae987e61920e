package mapper

import (
	"time"

	"k8s.io/klog/v2"
)

// hand gives the device another Spec that does not restart it. It returns at
// once: the device looks between two reads, and sees the last one. It is
// called from one goroutine.
func (d *device) hand(spec *Spec) {
	select {
	case <-d.specs: // it was not seen, and never will be
	default:
	}
	d.specs <- spec
	d.alarm.ring()
}

// adopt looks whether there is another Spec. It returns false if the device is
// to end for it.
func (d *device) adopt(log klog.Logger) bool {
	select {
	case spec := <-d.specs:
		if d.writer.hangs() {
			return false
		}
		d.change(log, spec)
	default:
	}
	return true
}

// change has the device run by another Spec. Properties that are as they were
// go on as if nothing had happened; of a device's properties only the others
// are opened anew, and read at once.
func (d *device) change(log klog.Logger, spec *Spec) {
	now := max(0, time.Since(d.origin)) // the first cycle may not have begun
	carries := diff(d.spec, spec)
	d.shelf.change(spec, carries)
	tags := make([]*tag, len(carries))
	for i, c := range carries {
		tags[i] = newTag(&spec.Properties[i], now)
		if c.from >= 0 {
			tags[i].inherit(d.tags[c.from], c)
		}
		if !c.point {
			d.address(log, i, tags[i])
		}
	}
	d.hook.Change(spec)
	d.spec, d.tags = spec, tags
	d.writer.want(d.desired())
	d.reporter.ReportSpec(*spec)
}
