package mapper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/klog/v2"

	"datastub/driver"
)

// assess says how the device is after a round. Before its first read nobody
// knows, unless nothing of it can be read.
func (d *device) assess(log klog.Logger) {
	if _, readable := earliest(d.tags); readable && !d.asked {
		return
	}
	faults := d.faults()
	switch {
	case errors.Is(d.failure, context.DeadlineExceeded):
		d.setHealth(log, Offline, fmt.Sprintf("a read took longer than %v", readLimit), faults)
	case errors.Is(d.failure, driver.ErrUnreachable):
		d.setHealth(log, Offline, lasting(d.failure), faults)
	case d.failure != nil:
		d.setUnhealthy(log, oneLine(d.failure))
	case len(d.spec.Properties) == 0 && len(faults) == 0:
		d.setUnhealthy(log, "the device has no properties")
	case len(faults) == 0:
		d.setHealth(log, Online, "", nil)
	default:
		if d.health.State == "" && d.crsOnly() {
			log = log.V(told)
		}
		d.setHealth(log, Unhealthy, summary(faults), faults)
	}
}

// setUnhealthy says that the device as a whole is not well, beside its faults.
func (d *device) setUnhealthy(log klog.Logger, reason string) {
	d.setHealth(log, Unhealthy, reason, append(d.faults(), Fault{Reason: reason}))
}

// faults returns all that is wrong with the CRs and with single properties.
func (d *device) faults() []Fault {
	faults := slices.Clone(d.spec.Faults)
	for _, t := range d.tags {
		if t.trouble != "" {
			faults = append(faults, Fault{Property: t.name(), Reason: t.trouble})
		}
		if trouble := d.writer.trouble(t.name()); trouble != "" {
			faults = append(faults, Fault{Property: t.name(), Reason: trouble})
		}
	}
	return faults
}

// crsOnly tells whether all the trouble there is was told of the CRs already:
// wrong settings, and desired values that the property can never hold.
func (d *device) crsOnly() bool {
	wrong := len(d.spec.Faults) > 0
	for _, t := range d.tags {
		absurd := d.writer.absurd(t.name())
		if t.trouble != "" && t.point != nil || d.writer.trouble(t.name()) != "" && !absurd {
			return false
		}
		wrong = wrong || t.trouble != "" || absurd
	}
	return wrong
}

// setHealth reports a health that is new, and logs a new state or reason. A
// device that is offline still is news only for another cause: that the cable
// is in again does not help where a certificate has expired meanwhile.
func (d *device) setHealth(log klog.Logger, state State, reason string, faults []Fault) {
	before := d.health
	if state == Offline && before.State == Offline && sameAbsence(reason, before.Reason) {
		reason = before.Reason
	}
	d.health = Health{State: state, Reason: reason, Faults: faults}
	if d.health.Equal(before) {
		return
	}
	d.reporter.ReportHealth(d.spec.Key, d.health)
	switch {
	case state == before.State && reason == before.Reason:
	case state == Online:
		log.Info("Device is online")
	default:
		log.Info("Device is not well", "state", state, "reason", reason)
	}
}

// oneLine puts joined errors on one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
