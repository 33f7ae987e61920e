package mapper

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/klog/v2"

	"datastub/driver"
)

// assess says how the device is after a round.
func (d *device) assess(log klog.Logger) {
	switch {
	case errors.Is(d.failure, context.DeadlineExceeded):
		d.setHealth(log, Offline, fmt.Sprintf("a read took longer than %v", readLimit))
	case errors.Is(d.failure, driver.ErrUnreachable):
		d.setHealth(log, Offline, oneLine(d.failure))
	case d.failure != nil:
		d.setHealth(log, Unhealthy, oneLine(d.failure))
	case len(d.spec.Properties) == 0:
		d.setHealth(log, Unhealthy, "the device has no properties")
	default:
		d.assessProperties(log)
	}
}

// assessProperties says how a device is that answers.
func (d *device) assessProperties(log klog.Logger) {
	first, more := "", 0
	if d.health.State == "" && d.settingsOnly() {
		log = log.V(told)
	}
	for i, trouble := range d.troubles {
		switch {
		case trouble == "":
		case first == "":
			first = d.spec.Properties[i].Point.Name + ": " + trouble
		default:
			more++
		}
	}
	switch {
	case first == "":
		d.setHealth(log, Online, "")
	case more == 0:
		d.setHealth(log, Unhealthy, first)
	default:
		d.setHealth(log, Unhealthy, fmt.Sprintf("%s (and %d more properties)", first, more))
	}
}

// settingsOnly tells whether wrong settings are the only trouble there is.
func (d *device) settingsOnly() bool {
	wrong := false
	for i, trouble := range d.troubles {
		if trouble != "" && d.points[i] != nil {
			return false
		}
		wrong = wrong || trouble != ""
	}
	return wrong
}

// setHealth reports and logs a health that is new. A device that is offline
// still, be it for another reason, is no news: drivers tell of ports and of
// times of the next try, which change with each read.
func (d *device) setHealth(log klog.Logger, state State, reason string) {
	health := Health{State: state, Reason: reason}
	if health == d.health || state == Offline && d.health.State == Offline {
		return
	}
	d.health = health
	d.reporter.ReportHealth(d.spec.Key, health)
	if state == Online {
		log.Info("Device is online")
		return
	}
	log.Info("Device is not well", "state", state, "reason", reason)
}

// oneLine puts joined errors on one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
