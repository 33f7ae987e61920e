package mapper

import (
	"fmt"
	"strings"

	"github.com/kubeedge/api/apis/devices/v1beta1"
)

// strangeVisitors warns of visitors whose protocol is not the device's, which
// is the one that is used.
func strangeVisitors(device *v1beta1.Device, protocol string) []error {
	var warnings []error
	for i := range device.Spec.Properties {
		p := &device.Spec.Properties[i]
		own := strings.TrimSpace(p.Visitors.ProtocolName)
		if p.Name != "" && own != "" && !strings.EqualFold(own, protocol) {
			warnings = append(warnings, fmt.Errorf("%s: %q is not the device's protocol: the property is read by %q",
				propertyPath(p.Name).Child("visitors", "protocolName"), cutShort(own), cutShort(protocol)))
		}
	}
	return warnings
}
