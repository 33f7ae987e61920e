package mapper

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/klog/v2"

	"datastub/driver"
)

// A Vet says what its driver has against the settings of a Spec, and which of
// them mean nothing to the driver. Each finding names its path in the Device.
// It does no IO.
type Vet func(Spec) (errs, warnings []error)

// Vet is a Vet: it opens the device and its points, as a Fleet would, and
// closes it.
func (d Drivers) Vet(spec Spec) (errs, warnings []error) {
	var v vetting
	v.device(spec, d)
	return v.errs, v.warnings
}

// A vetting collects what a driver says of one device.
type vetting struct {
	errs, warnings []error
	silent         klog.Logger // the zero Logger: a driver's stack is logged when the device runs
}

func (v *vetting) fail(path *field.Path, err error) {
	for _, e := range fieldErrors(path, err) {
		v.errs = append(v.errs, e)
	}
}

func (v *vetting) warn(path *field.Path, opened any, own ...string) {
	for _, key := range unread(opened, own) {
		v.warnings = append(v.warnings, fmt.Errorf("%s: the key means nothing to the driver", childOf(path, key)))
	}
}

func (v *vetting) device(spec Spec, drivers Drivers) {
	config := field.NewPath("spec", "protocol", "configData")
	drv, err := drivers.find(spec.Protocol)
	if err != nil {
		v.errs = append(v.errs, fmt.Errorf("spec.protocol: %w", err))
		return
	}
	var device driver.Device
	err = guard(v.silent, "open", func() (err error) {
		device, err = drv.Open(spec.Key.String(), spec.Settings)
		return err
	})
	if err != nil {
		v.fail(config, err)
		return
	}
	v.warn(config, device)
	for i := range spec.Properties {
		v.point(device, spec.Properties[i].Point)
	}
	if err := guard(v.silent, "close", device.Close); err != nil {
		v.fail(config, err)
	}
}

func (v *vetting) point(device driver.Device, config driver.PointConfig) {
	path := propertyPath(config.Name).Child("visitors", "configData")
	var point driver.Point
	err := guard(v.silent, "point", func() (err error) {
		point, err = device.Point(config)
		return err
	})
	if err != nil {
		v.fail(path, err)
		return
	}
	v.warn(path, point, limitKeys...)
}
