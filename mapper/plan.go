package mapper

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"k8s.io/klog/v2"

	"datastub/driver"
)

// A DevicePlan is what reading one device takes of its bus.
type DevicePlan struct {
	Key   Key
	Bus   string
	Reads []PlannedRead // one a cycle, the shortest first
	Load  Load
}

// A PlannedRead is what is asked whenever a cycle is due: for its properties
// and those of all cycles that are always due with it.
type PlannedRead struct {
	Cycle    time.Duration
	Requests []PlannedRequest
}

// A PlannedRequest is one request of a PlannedRead, and whom it is for.
type PlannedRequest struct {
	driver.Request
	Properties []string
}

// Plan tells what the devices in files, and in the files of folders, take of
// their buses, where a device needs answer to begin each of its answers. It does
// no IO to a device. Devices of drivers that cannot tell are left out. Problems
// and warnings are as with Check.
func Plan(paths []string, drivers Drivers, answer time.Duration) (plans []DevicePlan, problems, warnings []error) {
	objects, found := readPaths(paths)
	specs, more := objects.specs(DefaultConfig().DataPlane.Defaults, drivers.Vet)
	problems, warnings = sift(append(found, more...))
	for i := range specs {
		if specs[i].Void {
			continue
		}
		if plan, ok := planDevice(&specs[i], drivers, answer); ok {
			plans = append(plans, plan)
		}
	}
	return plans, problems, warnings
}

// readPaths reads files, and the files of folders, as a Folder does.
func readPaths(paths []string) (catalog, []Problem) {
	objects := catalog{}
	var found []Problem
	for _, path := range paths {
		files := []string{path}
		if entries, err := os.ReadDir(path); err == nil {
			files = nil
			for _, entry := range entries {
				if isDeviceFile(entry.Name()) {
					files = append(files, filepath.Join(path, entry.Name()))
				}
			}
		}
		for _, file := range files {
			data, err := readRegular(file)
			if err != nil {
				found = append(found, Problem{File: file, Err: errors.New(reasonOf(err))})
				continue
			}
			decoded, problems := Decode(file, data)
			objects[file] = decoded
			found = append(found, problems...)
		}
	}
	return objects, found
}

// planDevice plans the device of a Spec. It is not ok if its driver cannot tell;
// what is wrong with its settings, Vet has said.
func planDevice(spec *Spec, drivers Drivers, answer time.Duration) (DevicePlan, bool) {
	var silent klog.Logger
	device, errs := drivers.open(silent, spec)
	if len(errs) > 0 {
		return DevicePlan{}, false
	}
	defer func() { _ = guard(silent, "close", device.Close) }() // it was not connected
	planner, ok := device.(driver.Planner)
	if !ok {
		return DevicePlan{}, false
	}
	a := agenda{planner: planner, answer: answer}
	for i := range spec.Properties {
		p := &spec.Properties[i]
		if point, errs := findPoint(silent, device, p); len(errs) == 0 {
			a.add(p.Point.Name, point, p.CollectCycle)
		}
	}
	return DevicePlan{Key: spec.Key, Bus: planner.Bus(), Reads: a.reads(), Load: a.load()}, true
}
