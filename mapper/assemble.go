package mapper

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	"k8s.io/klog/v2"
)

// Assemble makes the Spec of a Device, of its DeviceModel and of the rules of
// config.yaml, and says all that is wrong with it: what Merge and vet find.
// The errors of Merge are the Spec's Faults; those of vet the device will find
// itself. If the device as a whole is wrong the Spec is void. Warnings are
// what harms nothing and has no effect. CRs that make it panic, which is a bug,
// are one device's trouble: else the mapper would end at each start.
func Assemble(device *v1beta1.Device, model *v1beta1.DeviceModel, defaults Rules, vet Vet) (spec Spec, errs, warnings []error) {
	defer func() {
		if r := recover(); r != nil {
			fault := Fault{Reason: fmt.Sprintf("its CRs make the mapper panic, a bug: %v", r)}
			klog.Background().Error(fault, "CRs cannot be read", "device", device.Namespace+"/"+device.Name, "stack", string(debug.Stack()))
			spec, errs, warnings = void(device, model, []Fault{fault}), []error{fault}, nil
		}
	}()
	merged, faults := Merge(device, model, defaults)
	for _, fault := range distinct(faults) {
		errs = append(errs, fault)
	}
	if merged == nil {
		return void(device, model, faults), errs, nil
	}
	merged.Faults, merged.Declared = faults, declared(model)
	vetted, warnings := vet(*merged)
	return *merged, append(errs, vetted...), slices.Concat(warnings, strangeVisitors(device, merged.Protocol), unpushed(device), inexactNumbers(device))
}

// void returns the Spec of a device of which nothing can run.
func void(device *v1beta1.Device, model *v1beta1.DeviceModel, faults []Fault) Spec {
	return Spec{
		Key: Key{device.Namespace, device.Name}, Model: modelName(device), Declared: declared(model), Faults: faults, Void: true,
		Protocol: strings.TrimSpace(device.Spec.Protocol.ProtocolName),
	}
}

// declared returns the properties of a model, which has some if it is known.
func declared(model *v1beta1.DeviceModel) []v1beta1.ModelProperty {
	if model == nil {
		return nil
	}
	if model.Spec.Properties == nil {
		return []v1beta1.ModelProperty{}
	}
	return model.Spec.Properties // models are replaced, not changed
}
