package mapper

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// inexact is the first whole number that a float32 cannot tell from the next
// one: KubeEdge hands over all numbers of configData as such.
const inexact = 1 << 24

// inexactNumbers warns of whole numbers in a Device's configData that KubeEdge
// would round.
func inexactNumbers(device *v1beta1.Device) (warnings []error) {
	warn := func(path *field.Path, config *v1beta1.CustomizedValue) {
		if config == nil {
			return
		}
		for _, key := range slices.Sorted(maps.Keys(config.Data)) {
			if number, is := config.Data[key].(float64); is && math.Abs(number) >= inexact && number == math.Trunc(number) {
				warnings = append(warnings, fmt.Errorf("%s: KubeEdge keeps 24 bits of a number, and %.0f may come as another one: put it in quotes", childOf(path, key), number))
			}
		}
	}
	warn(field.NewPath("spec", "protocol", "configData"), device.Spec.Protocol.ConfigData)
	for i := range device.Spec.Properties {
		p := &device.Spec.Properties[i]
		warn(itemPath(field.NewPath("spec", "properties"), i, p.Name).Child("visitors", "configData"), p.Visitors.ConfigData)
	}
	return warnings
}
