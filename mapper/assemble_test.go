package mapper

import (
	"reflect"
	"testing"
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
