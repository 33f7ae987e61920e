package mapper

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/klog/v2"

	"datastub/driver"
)

// Drivers is the table of drivers by protocolName, of which case does not
// matter.
type Drivers map[string]driver.Driver

// find returns the protocol's driver.
func (d Drivers) find(protocol string) (driver.Driver, error) {
	for name, drv := range d {
		if strings.EqualFold(name, protocol) {
			return drv, nil
		}
	}
	return nil, fmt.Errorf("protocolName %q has no driver: want one of %s", cutShort(protocol), strings.Join(slices.Sorted(maps.Keys(d)), ", "))
}

// open opens the device of a Spec. The errors have their paths in the Device.
func (d Drivers) open(log klog.Logger, spec *Spec) (opened driver.Device, errs []error) {
	drv, err := d.find(spec.Protocol)
	if err != nil {
		return nil, []error{fmt.Errorf("spec.protocol: %w", err)}
	}
	err = guard(log, "open", func() (err error) {
		opened, err = drv.Open(spec.Key.String(), spec.Settings)
		return err
	})
	return opened, fieldErrors(field.NewPath("spec", "protocol", "configData"), err)
}

// findPoint finds the point of a property. The errors have their paths in the
// Device.
func findPoint(log klog.Logger, device driver.Device, p *Property) (point driver.Point, errs []error) {
	err := guard(log, "point", func() (err error) {
		point, err = device.Point(p.Point)
		return err
	})
	return point, fieldErrors(propertyPath(p.Point.Name).Child("visitors", "configData"), err)
}
