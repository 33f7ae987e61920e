package mapper

import (
	"fmt"
	"reflect"
	"testing"

	"datastub/driver"
)

// Devices of a model share what is equal, and nothing else.
func TestLikeness(t *testing.T) {
	t.Parallel()
	const device = "---\n" + header + `kind: Device
metadata: {name: %s}
spec:
  deviceModelRef: {name: m}
  protocol: {protocolName: virtual}
  properties:
    - {name: p, visitors: {configData: {signal: sine, max: 1}}}
    - {name: q, visitors: {configData: {signal: sine, max: %s}}}
`
	objects, problems := Decode("f.yaml", fmt.Appendf(nil, header+`kind: DeviceModel
metadata: {name: m}
spec:
  protocol: virtual
  properties:
    - {name: p, type: FLOAT, accessMode: ReadOnly}
    - {name: q, type: FLOAT, accessMode: ReadOnly}
`+device+device+device, "a", "2", "b", "2", "c", "3"))
	specs, more := catalog{"f.yaml": objects}.specs(DefaultRules(), vetNothing)
	if len(problems)+len(more) > 0 {
		t.Fatal(problems, more)
	}
	a, b, c := specs[0].Properties, specs[1].Properties, specs[2].Properties
	if &a[0] != &b[0] {
		t.Error("equal properties are there twice")
	}
	if &a[0] == &c[0] || c[1].Point.Settings["max"] != float64(3) || a[1].Point.Settings["max"] != float64(2) {
		t.Errorf("got %v and %v, want max 2 and 3", a[1].Point.Settings, c[1].Point.Settings)
	}
	same := func(a, b driver.Settings) bool { return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() }
	if !same(a[0].Point.Settings, c[0].Point.Settings) {
		t.Error("equal settings are there twice")
	}
}
