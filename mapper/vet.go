package mapper

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/klog/v2"

	"datastub/driver"
)

// A Vet says what its driver has against the settings of a Spec and against
// what its properties are desired to hold, and which settings mean nothing to
// the driver. Each finding names its path in the Device.
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

func (v *vetting) warn(path *field.Path, opened any, own ...string) {
	for _, key := range unread(opened, own) {
		v.warnings = append(v.warnings, fmt.Errorf("%s: the key means nothing to the driver", childOf(path, key)))
	}
}

func (v *vetting) device(spec Spec, drivers Drivers) {
	device, errs := drivers.open(v.silent, &spec)
	if len(errs) > 0 {
		v.errs = errs
		return
	}
	config := field.NewPath("spec", "protocol", "configData")
	v.warn(config, device)
	for i := range spec.Properties {
		v.property(device, &spec.Properties[i])
	}
	if err := guard(v.silent, "close", device.Close); err != nil {
		v.errs = append(v.errs, fieldErrors(config, err)...)
	}
}

func (v *vetting) property(device driver.Device, p *Property) {
	point, errs := findPoint(v.silent, device, p)
	if len(errs) > 0 {
		v.errs = append(v.errs, errs...)
		return
	}
	v.warn(propertyPath(p.Point.Name).Child("visitors", "configData"), point, limitKeys...)
	if p.Desired != "" {
		_, err := newOrder(target{config: &p.Point, point: point}, p.Desired)
		v.errs = append(v.errs, desiredErrors(p.Point.Name, p.Desired, err)...)
	}
}

// desiredErrors says why a property can never hold what is desired. The errors
// have their paths in the Device.
func desiredErrors(property, text string, err error) []error {
	path := propertyPath(property).Child("desired")
	_, says := errors.AsType[*driver.SettingError](err)
	switch {
	case err == nil:
		return nil
	case says:
		return fieldErrors(path, err)
	}
	return []error{field.Invalid(path.Child("value"), cutShort(text), "want "+wantOf(err))}
}

// wantOf says what would be right where a value cannot be written.
func wantOf(err error) string {
	if errors.Is(err, driver.ErrReadOnly) {
		return "none, or accessMode ReadWrite in the model: the property is read-only"
	}
	return "another: " + cutTo(maxReason, oneLine(err))
}
