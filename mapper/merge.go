package mapper

import (
	"maps"
	"slices"
	"strings"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"datastub/dataplane"
	"datastub/driver"
)

// Merge makes one Spec of a Device, its DeviceModel and the rules of
// config.yaml. The model may be nil if it is not known.
//
// What is wrong is returned with its path, value and what would be right. A
// property with an error is left out of the Spec and harms no other, but for
// an error of its pushMethod, which leaves out only that push; an error of the
// device itself leaves no Spec, which is nil then.
//
// As in KubeEdge, configData of the model holds where the Device does not say
// otherwise, key by key. The model's minimum and maximum become the driver's
// settings min and max of a number's property unless configData has them.
// pushMethod.mqtt with an address zmq://… asks for publishing too; its topic
// holds if no key gives one, and its qos says nothing about the class.
func Merge(device *v1beta1.Device, model *v1beta1.DeviceModel, defaults Rules) (*Spec, []Fault) {
	m := merger{device: device, model: model, places: placesOf(model), seen: map[string]bool{}}
	spec := m.spec()
	path := field.NewPath("spec", "protocol", "configData")
	settings := m.configData(path, modelData(model), device.Spec.Protocol.ConfigData)
	m.given, spec.Settings = cut(settings)
	defaults, err := defaults.overlay(m.given)
	m.settings(path, err)
	if len(m.faults) > 0 {
		return nil, m.faults
	}
	spec.StateReport = m.stateReport()
	properties := make([]Property, 0, len(device.Spec.Properties))
	for i := range device.Spec.Properties {
		before := len(m.faults)
		m.current = device.Spec.Properties[i].Name
		p := m.property(i, defaults)
		if len(m.faults) == before {
			p.Push = m.push(i)
			properties = append(properties, p)
		}
	}
	spec.Properties = m.uniqueTopics(properties)
	for _, method := range device.Spec.Methods {
		spec.Methods = append(spec.Methods, Method{Name: method.Name, Description: method.Description, Properties: method.PropertyNames})
	}
	return spec, m.faults
}

// A merger collects the faults of one Merge.
type merger struct {
	device  *v1beta1.Device
	model   *v1beta1.DeviceModel
	given   driver.Settings // the keys of Rules that the device has for all its properties
	places  map[string]int  // of the model's properties, by name
	seen    map[string]bool // names of the device's properties
	current string          // the property that is merged; empty: the device itself is
	faults  []Fault
}

func (m *merger) fail(err error) {
	property := m.current
	if len(property) > dataplane.MaxTopic {
		property = cutShort(property)
	}
	m.faults = append(m.faults, Fault{Property: property, Reason: oneLine(err)})
}

// settings turns a driver's setting errors into errors under path.
func (m *merger) settings(path *field.Path, err error) {
	for _, e := range fieldErrors(path, err) {
		m.fail(e)
	}
}

// spec checks what the device needs before any property is looked at.
func (m *merger) spec() *Spec {
	d := m.device
	spec := &Spec{
		Key:      Key{Namespace: d.Namespace, Name: d.Name},
		Protocol: strings.TrimSpace(d.Spec.Protocol.ProtocolName),
	}
	if err := dataplane.ValidateLevel("device", d.Name); err != nil {
		m.fail(field.Invalid(field.NewPath("metadata", "name"), brief(d.Name), err.Error()))
	}
	if err := dataplane.ValidateLevel("namespace", d.Namespace); err != nil {
		m.fail(field.Invalid(field.NewPath("metadata", "namespace"), brief(d.Namespace), err.Error()))
	}
	ref := field.NewPath("spec", "deviceModelRef", "name")
	switch {
	case modelName(d) == "":
		m.fail(field.Required(ref, "want the name of a DeviceModel in the same namespace"))
	case m.model == nil:
		err := field.NotFound(ref, brief(modelName(d)))
		err.Detail = "want the name of a DeviceModel in the same namespace"
		m.faults = append(m.faults, Fault{Model: modelName(d), Reason: oneLine(err)})
	default:
		spec.Model = m.model.Name
		if spec.Protocol == "" {
			spec.Protocol = strings.TrimSpace(m.model.Spec.Protocol)
		}
		if spec.Protocol == "" {
			m.fail(field.Required(field.NewPath("spec", "protocol", "protocolName"), "want the protocol that the device speaks, such as modbus"))
		}
	}
	return spec
}

// stateReport merges how the state is reported. A Device that says nothing of
// it has its changes reported.
func (m *merger) stateReport() StateReport {
	given := m.device.Spec.StateReport
	if given == nil {
		return StateReport{}
	}
	cycle := m.cycle(field.NewPath("spec", "stateReport", "reportCycle"), given.ReportCycle, 0)
	return StateReport{Off: !given.ReportToCloud, Cycle: cycle}
}

func modelName(d *v1beta1.Device) string {
	if d.Spec.DeviceModelRef == nil {
		return ""
	}
	return d.Spec.DeviceModelRef.Name
}

func modelData(model *v1beta1.DeviceModel) *v1beta1.CustomizedValue {
	if model == nil {
		return nil
	}
	return model.Spec.ProtocolConfigData
}

// configData merges the device's settings over the model's. A key replaces the
// model's key of any case.
func (m *merger) configData(path *field.Path, model, device *v1beta1.CustomizedValue) driver.Settings {
	merged := driver.Settings{}
	if model != nil {
		m.copyScalars(m.modelPath("configData"), merged, model.Data)
	}
	if device == nil {
		return merged
	}
	given := make(map[string]bool, len(device.Data))
	for key := range device.Data {
		given[strings.ToLower(key)] = true
	}
	maps.DeleteFunc(merged, func(old string, _ any) bool { return given[strings.ToLower(old)] })
	m.copyScalars(path, merged, device.Data)
	return merged
}

// copyScalars copies what KubeEdge can hand over, and refuses the rest.
func (m *merger) copyScalars(path *field.Path, to driver.Settings, from map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(from)) {
		if err, unread := from[key].(error); unread { // a Source says why in the value's place
			m.fail(field.TypeInvalid(childOf(path, key), label("(not read)"), err.Error()))
			continue
		}
		if !isScalar(from[key]) {
			m.fail(field.TypeInvalid(childOf(path, key), brief(from[key]), "want a string, a number or a boolean: KubeEdge hands over nothing else"))
			continue
		}
		to[key] = from[key]
	}
}

// modelPath is the path of something in the model, which is another object
// than the one that is merged.
func (m *merger) modelPath(names ...string) *field.Path {
	return field.NewPath("DeviceModel "+plain(m.model.Name)+": spec", names...)
}
