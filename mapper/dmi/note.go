package dmi

import (
	"fmt"
	"slices"

	"k8s.io/klog/v2"

	"datastub/mapper"
)

// maxProblems is how many problems of one device are logged, and as many
// warnings: more would hide those of other devices.
const maxProblems = 50

// A note is a line to be logged when nothing is locked.
type note struct {
	err    error // nil: it is no error
	text   string
	values []any
}

type notes []note

func (n notes) log(logger klog.Logger) {
	for _, one := range n {
		if one.err != nil {
			logger.Error(one.err, one.text, one.values...)
			continue
		}
		logger.Info(one.text, one.values...)
	}
}

// notesOf returns what is to be said of a device that has become another one.
// Each problem is told once for each content of the device.
func notesOf(before, now mapper.Spec, problemsBefore []string, errs []error) notes {
	device := now.Key.String()
	var n notes
	for i, err := range errs {
		if i == maxProblems {
			err = fmt.Errorf("there are %d more than these %d: mend them first", len(errs)-maxProblems, maxProblems)
		}
		n = append(n, note{err: err, text: "Device has a problem", values: []any{"device", device}})
		if i == maxProblems {
			break
		}
	}
	ran := before.Key == now.Key && !before.Void
	switch {
	case ran && now.Void:
		n = append(n, note{text: "Device is stopped: it has a problem", values: []any{"device", device}})
	case ran:
		n = append(n, note{text: "Device is changed", values: []any{"device", device}})
	}
	if len(problemsBefore) > 0 && len(errs) == 0 {
		n = append(n, note{text: "Device is right again", values: []any{"device", device}})
	}
	return n
}

// warningsOf returns what is to be said of a device's warnings: those that it
// did not have before.
func warningsOf(key mapper.Key, before, now []string) notes {
	var n notes
	for _, warning := range now {
		if !slices.Contains(before, warning) && len(n) < maxProblems {
			n = append(n, note{text: "Device has a warning", values: []any{"device", key.String(), "warning", warning}})
		}
	}
	return n
}

// lines returns the texts of errors.
func lines(errs []error) []string {
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	return texts
}
