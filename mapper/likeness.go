package mapper

import (
	"reflect"

	"github.com/kubeedge/api/apis/devices/v1beta1"
)

// A likeness has what is equal in the devices of a model be in memory once:
// most differ in their names and addresses only. It is of the device before,
// by model.
type likeness map[Key]pair

// A pair is a device and what was made of it.
type pair struct {
	device *v1beta1.Device
	spec   *Spec
}

// share replaces what a device and its Spec have in common with those before.
func (l likeness) share(device *v1beta1.Device, spec *Spec) {
	model := Key{device.Namespace, modelName(device)}
	if before, ok := l[model]; ok {
		shareInstances(before.device, device)
		shareProperties(before.spec, spec)
	}
	l[model] = pair{device, spec}
}

func shareInstances(before, device *v1beta1.Device) {
	old, own := before.Spec.Properties, device.Spec.Properties
	if reflect.DeepEqual(old, own) {
		device.Spec.Properties = old
		return
	}
	for i := range min(len(old), len(own)) {
		if reflect.DeepEqual(old[i].Visitors, own[i].Visitors) {
			own[i].Visitors = old[i].Visitors
		}
	}
}

func shareProperties(before, spec *Spec) {
	old, own := before.Properties, spec.Properties
	if reflect.DeepEqual(old, own) {
		spec.Properties = old
		return
	}
	for i := range min(len(old), len(own)) {
		if reflect.DeepEqual(old[i].Point, own[i].Point) {
			own[i].Point = old[i].Point
		}
	}
}
