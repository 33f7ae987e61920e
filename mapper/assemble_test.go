package mapper

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"datastub/driver"
)

func TestAssemble(t *testing.T) {
	t.Parallel()
	drivers := Drivers{"modbus": newScript()}
	objects, problems := Decode("f.yaml", []byte(pumpModel+"---\n"+pump("one", "A")))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	device, model := &objects.Devices[0], &objects.Models[0]
	device.Spec.Properties = append(device.Spec.Properties, device.Spec.Properties[0])
	spec, errs, _ := Assemble(device, model, DefaultRules(), drivers.Vet)
	fault := `spec.properties[a].name: Duplicate value: "a"`
	if len(errs) != 1 || errs[0].Error() != fault || !reflect.DeepEqual(spec.Faults, []Fault{{Property: "a", Reason: fault}}) || spec.Void || len(spec.Properties) != 1 {
		t.Errorf("a property twice: got %+v, %v", spec, errs)
	}
	if !reflect.DeepEqual(spec.Declared, model.Spec.Properties) {
		t.Errorf("declared: got %+v, want %+v", spec.Declared, model.Spec.Properties)
	}
	spec, errs, _ = Assemble(device, nil, DefaultRules(), drivers.Vet)
	fault = `spec.deviceModelRef.name: Not found: "pump": want the name of a DeviceModel in the same namespace`
	want := Spec{Key: Key{"default", "one"}, Model: "pump", Protocol: "modbus", Faults: []Fault{{Model: "pump", Reason: fault}}, Void: true}
	if len(errs) != 1 || errs[0].Error() != fault || !reflect.DeepEqual(spec, want) {
		t.Errorf("no model:\ngot  %+v, %v\nwant %+v", spec, errs, want)
	}
	device.Spec.Protocol.ConfigData.Data["qosClass"] = "XX"
	spec, _, _ = Assemble(device, model, DefaultRules(), drivers.Vet)
	if !spec.Void || !reflect.DeepEqual(spec.Declared, model.Spec.Properties) {
		t.Errorf("void, with its model: got %+v", spec)
	}
}

// CRs that make a vet or a merge panic are the trouble of one device.
func TestAssemblePanics(t *testing.T) {
	t.Parallel()
	objects, problems := Decode("f.yaml", []byte(pumpModel+"---\n"+pump("one", "A")))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	spec, errs, _ := Assemble(&objects.Devices[0], &objects.Models[0], DefaultRules(), func(Spec) (errs, warnings []error) { panic("a bug") })
	fault := Fault{Reason: "its CRs make the mapper panic, a bug: a bug"}
	if !spec.Void || spec.Key != (Key{"default", "one"}) || !reflect.DeepEqual(spec.Faults, []Fault{fault}) || !reflect.DeepEqual(errs, []error{fault}) {
		t.Errorf("got %+v, %v", spec, errs)
	}
}

// A desired value that the property can never hold is told with the CR.
func TestAssembleDesired(t *testing.T) {
	t.Parallel()
	const model = header + "kind: DeviceModel\nmetadata: {name: pump}\nspec: {protocol: modbus, properties: [" +
		"{name: a, type: INT, accessMode: ReadOnly}, {name: b, type: DOUBLE, accessMode: ReadWrite, minimum: \"0\", maximum: \"10\"}]}\n"
	tests := map[string]struct{ property, desired, want string }{
		"right":                  {"b", "10", ""},
		"none of what is read":   {"a", "", ""},
		"too high":               {"b", "11", `spec.properties[b].desired.value: Invalid value: "11": want a number from 0 to 10`},
		"no number":              {"b", "warm", `spec.properties[b].desired.value: Invalid value: "warm": want a finite number`},
		"what is only read":      {"a", "1", `spec.properties[a].desired.value: Invalid value: "1": want none, or accessMode ReadWrite in the model: the property is read-only`},
		"what the driver cannot": {"b", "5", `spec.properties[b].desired.value: Invalid value: "5": want another: value does not fit the point: 5 is odd`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects, problems := Decode("f.yaml", []byte(model+"---\n"+pump("one", "A")))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			device := &objects.Devices[0]
			device.Spec.Properties[0].Name = tt.property
			device.Spec.Properties[0].Desired.Value = tt.desired
			_, errs, _ := Assemble(device, &objects.Models[0], DefaultRules(), Drivers{"modbus": even{newScript()}}.Vet)
			var got string
			for _, err := range errs {
				got += err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// even is a script whose points hold no odd number.
type even struct{ *script }

func (e even) Open(name string, settings driver.Settings) (driver.Device, error) {
	d, err := e.script.Open(name, settings)
	return evenDevice{d}, err
}

type evenDevice struct{ driver.Device }

func (d evenDevice) Point(c driver.PointConfig) (driver.Point, error) {
	p, err := d.Device.Point(c)
	return evenPoint{p}, err
}

type evenPoint struct{ driver.Point }

func (evenPoint) Round(value any) (any, error) {
	if f := value.(float64); math.Mod(f, 2) != 0 {
		return nil, fmt.Errorf("%w: %v is odd", driver.ErrValue, f)
	}
	return value, nil
}
