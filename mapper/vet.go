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
		v.property(device, &spec.Properties[i])
	}
	if err := guard(v.silent, "close", device.Close); err != nil {
		v.fail(config, err)
	}
}

func (v *vetting) property(device driver.Device, p *Property) {
	path := propertyPath(p.Point.Name)
	settings := path.Child("visitors", "configData")
	var point driver.Point
	err := guard(v.silent, "point", func() (err error) {
		point, err = device.Point(p.Point)
		return err
	})
	if err != nil {
		v.fail(settings, err)
		return
	}
	v.warn(settings, point, limitKeys...)
	if p.Desired != "" {
		v.desired(path.Child("desired"), target{config: p.Point, point: point}, p.Desired)
	}
}

// desired says why a property can never hold what is desired.
func (v *vetting) desired(path *field.Path, t target, text string) {
	_, err := newOrder("value", t, text)
	if _, says := errors.AsType[*driver.SettingError](err); says {
		v.fail(path, err)
		return
	}
	if err != nil {
		v.errs = append(v.errs, field.Invalid(path.Child("value"), cutShort(text), "want "+wantOf(err)))
	}
}

// wantOf says what would be right where a value cannot be written.
func wantOf(err error) string {
	if errors.Is(err, driver.ErrReadOnly) {
		return "none, or accessMode ReadWrite in the model: the property is read-only"
	}
	return "another: " + cutTo(maxReason, oneLine(err))
}
