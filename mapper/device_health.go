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

// assess says how the device is after a round.
func (d *device) assess(log klog.Logger) {
	switch {
	case errors.Is(d.failure, context.DeadlineExceeded):
		d.setHealth(log, Offline, fmt.Sprintf("a read took longer than %v", readLimit))
	case errors.Is(d.failure, driver.ErrUnreachable):
		d.setHealth(log, Offline, oneLine(d.failure))
	case d.failure != nil:
		d.setHealth(log, Unhealthy, oneLine(d.failure))
	case len(d.spec.Properties) == 0 && len(d.spec.Faults) == 0:
		d.setHealth(log, Unhealthy, "the device has no properties")
	default:
		d.assessProperties(log)
	}
}

// assessProperties says how a device is that answers.
func (d *device) assessProperties(log klog.Logger) {
	if d.health.State == "" && d.settingsOnly() {
		log = log.V(told)
	}
	wrong := slices.Clone(d.spec.Faults)
	for _, t := range d.tags {
		if t.trouble != "" {
			wrong = append(wrong, t.name()+": "+t.trouble)
		}
	}
	if len(wrong) == 0 {
		d.setHealth(log, Online, "")
		return
	}
	d.setHealth(log, Unhealthy, summary(wrong))
}

// summary returns the first of what is wrong, and how much more there is.
func summary(wrong []string) string {
	if len(wrong) == 1 {
		return wrong[0]
	}
	return fmt.Sprintf("%s (and %d more)", wrong[0], len(wrong)-1)
}

// settingsOnly tells whether wrong settings are the only trouble there is.
func (d *device) settingsOnly() bool {
	wrong := len(d.spec.Faults) > 0
	for _, t := range d.tags {
		if t.trouble != "" && t.point != nil {
			return false
		}
		wrong = wrong || t.trouble != ""
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
