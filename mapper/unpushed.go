package mapper

import (
	"fmt"
	"strings"

	"github.com/kubeedge/api/apis/devices/v1beta1"
)

// unpushed warns of properties whose pushMethod names what this mapper does
// not write to, and names who can. Each is one warning.
func unpushed(device *v1beta1.Device) []error {
	var warnings []error
	for i := range device.Spec.Properties {
		p := &device.Spec.Properties[i]
		if methods := unservedMethods(p.PushMethod); p.Name != "" && len(methods) > 0 {
			warnings = append(warnings, fmt.Errorf(
				"%s: nothing is pushed by %s: subscribe to the property's topic at cloudsvc instead, with a callback (POST /subscribe?topic=TOPIC&callback=URL) or by a program (datastub subscribe TOPIC | PROGRAM), and write there",
				propertyPath(p.Name).Child("pushMethod"), strings.Join(methods, ", ")))
		}
	}
	return warnings
}

// unservedMethods returns what a push method asks for beside HTTP and MQTT, by
// the names in the CR.
func unservedMethods(method *v1beta1.PushMethod) (names []string) {
	if method == nil {
		return nil
	}
	databases := method.DBMethod
	if databases == nil {
		databases = &v1beta1.DBMethodConfig{}
	}
	for _, one := range []struct {
		name  string
		given bool
	}{
		{"otel", method.OTEL != nil},
		{"dbMethod.influxdb2", databases.Influxdb2 != nil},
		{"dbMethod.redis", databases.Redis != nil},
		{"dbMethod.TDEngine", databases.TDEngine != nil},
		{"dbMethod.mysql", databases.Mysql != nil},
		{"anomalyDetection", method.AnomalyDetection != nil},
	} {
		if one.given {
			names = append(names, one.name)
		}
	}
	return names
}
