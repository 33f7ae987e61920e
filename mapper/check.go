package mapper

import (
	"fmt"
	"path/filepath"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// A Summary is what Check found to be right.
type Summary struct{ Devices, Properties int }

// Check reads a config and every file of its folder of devices as the mapper
// would, without any IO to a device. The problems are all there are, each
// with its file: those of CRs, and those that drivers have with settings.
// Warnings are settings that mean nothing to anybody, as CRs made for other
// mappers have them.
func Check(path string, drivers Drivers) (summary Summary, problems, warnings []error) {
	config, err := LoadConfig(path)
	if err != nil {
		return Summary{}, flatten(err), nil
	}
	folder, err := NewFolder(FolderOptions{Dir: config.Devices.Folder, Defaults: config.DataPlane.Defaults})
	if err != nil {
		return Summary{}, []error{err}, nil
	}
	folder.scan()
	specs, found := folder.state()
	for _, p := range found {
		problems = append(problems, p)
	}
	for _, spec := range specs {
		c := checker{problem: Problem{File: folder.fileOf(spec.Key), Object: "Device " + spec.Key.String()}}
		c.device(spec, drivers)
		problems = append(problems, c.problems...)
		warnings = append(warnings, c.warnings...)
		summary.Devices++
		summary.Properties += len(spec.Properties)
	}
	return summary, problems, warnings
}

// flatten returns the errors that were joined.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// fileOf returns the path of the file that a device is from.
func (f *Folder) fileOf(key Key) string {
	for _, name := range f.names() {
		for _, d := range f.files[name].objects.Devices {
			if (Key{d.Namespace, d.Name}) == key {
				return filepath.Join(f.options.Dir, name)
			}
		}
	}
	return f.options.Dir
}

// A checker collects what a driver says of one device.
type checker struct {
	problem            Problem // all but Err
	problems, warnings []error
}

func (c *checker) fail(path *field.Path, err error) {
	for _, e := range fieldErrors(path, err) {
		p := c.problem
		p.Err = e
		c.problems = append(c.problems, p)
	}
}

func (c *checker) warn(path *field.Path, v any, own ...string) {
	for _, key := range unread(v, own) {
		p := c.problem
		p.Err = fmt.Errorf("%s: the key means nothing to the driver", path.Child(key))
		c.warnings = append(c.warnings, p)
	}
}

// device opens a device and its points, which does no IO.
func (c *checker) device(spec Spec, drivers Drivers) {
	config := field.NewPath("spec", "protocol", "configData")
	drv, err := drivers.find(spec.Protocol)
	if err != nil {
		p := c.problem
		p.Err = fmt.Errorf("spec.protocol: %w", err)
		c.problems = append(c.problems, p)
		return
	}
	device, err := drv.Open(spec.Key.String(), spec.Settings)
	if err != nil {
		c.fail(config, err)
		return
	}
	c.warn(config, device)
	for i := range spec.Properties {
		point := spec.Properties[i].Point
		path := field.NewPath("spec", "properties").Key(point.Name).Child("visitors", "configData")
		p, err := device.Point(point)
		if err != nil {
			c.fail(path, err)
			continue
		}
		c.warn(path, p, limitKeys...)
	}
	if err := device.Close(); err != nil {
		c.fail(config, err)
	}
}
