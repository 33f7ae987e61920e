package mapper

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"datastub/dataplane"
	"datastub/driver"
)

// Merge makes one Spec of a Device, its DeviceModel and the rules of
// config.yaml. The model may be nil if it is not known.
//
// What is wrong is returned with its path, value and what would be right. A
// property with an error is left out of the Spec and harms no other; an error
// of the device itself leaves no Spec, which is nil then.
//
// As in KubeEdge, configData of the model holds where the Device does not say
// otherwise, key by key. The model's minimum and maximum become the driver's
// settings min and max of a number's property unless configData has them.
// pushMethod.mqtt with an address zmq://… asks for publishing too; its topic
// holds if no key gives one, and its qos says nothing about the class.
func Merge(device *v1beta1.Device, model *v1beta1.DeviceModel, defaults Rules) (*Spec, field.ErrorList) {
	m := merger{device: device, model: model}
	spec := m.spec()
	path := field.NewPath("spec", "protocol", "configData")
	settings := m.configData(path, modelData(model), device.Spec.Protocol.ConfigData)
	m.given, spec.Settings = cut(settings)
	defaults, err := defaults.overlay(m.given)
	m.settings(path, err)
	if len(m.errs) > 0 {
		return nil, m.errs
	}
	for i := range device.Spec.Properties {
		before := len(m.errs)
		p := m.property(i, defaults)
		if len(m.errs) == before {
			spec.Properties = append(spec.Properties, p)
			m.index = append(m.index, i)
		}
	}
	spec.Properties = m.uniqueTopics(spec.Properties)
	return spec, m.errs
}

// A merger collects the errors of one Merge.
type merger struct {
	device *v1beta1.Device
	model  *v1beta1.DeviceModel
	given  driver.Settings // the keys of Rules that the device has for all its properties
	index  []int           // the place in the Device of each good property
	errs   field.ErrorList
}

func (m *merger) fail(err *field.Error) { m.errs = append(m.errs, err) }

// settings turns a driver's setting errors into errors under path.
func (m *merger) settings(path *field.Path, err error) {
	m.errs = append(m.errs, fieldErrors(path, err)...)
}

// fieldErrors gives the *driver.SettingError values in err their path.
func fieldErrors(path *field.Path, err error) field.ErrorList {
	var errs field.ErrorList
	settings, others := settingErrors(err)
	for _, s := range settings {
		if s.Value == nil {
			errs = append(errs, field.Required(path.Child(s.Key), "want "+s.Want))
			continue
		}
		errs = append(errs, field.Invalid(path.Child(s.Key), brief(s.Value), "want "+s.Want))
	}
	for _, other := range others {
		errs = append(errs, field.Invalid(path, label("configData"), other.Error()))
	}
	return errs
}

// spec checks what the device needs before any property is looked at.
func (m *merger) spec() *Spec {
	d := m.device
	spec := &Spec{
		Key:      Key{Namespace: d.Namespace, Name: d.Name},
		Protocol: strings.TrimSpace(d.Spec.Protocol.ProtocolName),
	}
	if err := dataplane.ValidateLevel("device", d.Name); err != nil {
		m.fail(field.Invalid(field.NewPath("metadata", "name"), d.Name, err.Error()))
	}
	if err := dataplane.ValidateLevel("namespace", d.Namespace); err != nil {
		m.fail(field.Invalid(field.NewPath("metadata", "namespace"), d.Namespace, err.Error()))
	}
	ref := field.NewPath("spec", "deviceModelRef", "name")
	switch {
	case modelName(d) == "":
		m.fail(field.Required(ref, "want the name of a DeviceModel in the same namespace"))
	case m.model == nil:
		m.fail(field.NotFound(ref, modelName(d)))
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
	for key := range device.Data {
		for old := range merged {
			if strings.EqualFold(old, key) {
				delete(merged, old)
			}
		}
	}
	m.copyScalars(path, merged, device.Data)
	return merged
}

// copyScalars copies what KubeEdge can hand over, and refuses the rest.
func (m *merger) copyScalars(path *field.Path, to driver.Settings, from map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(from)) {
		if !isScalar(from[key]) {
			m.fail(field.TypeInvalid(path.Child(key), brief(from[key]), "want a string, a number or a boolean: KubeEdge hands over nothing else"))
			continue
		}
		to[key] = from[key]
	}
}

// modelPath is the path of something in the model, which is another object
// than the one that is merged.
func (m *merger) modelPath(names ...string) *field.Path {
	return field.NewPath("DeviceModel "+m.model.Name+": spec", names...)
}

// property merges one property.
func (m *merger) property(i int, defaults Rules) Property {
	p := &m.device.Spec.Properties[i]
	path := field.NewPath("spec", "properties").Index(i)
	model, modelPath := m.modelProperty(path, i)
	if model == nil {
		return Property{}
	}
	config := path.Child("visitors", "configData")
	var modelConfig *v1beta1.CustomizedValue
	if model.Visitors != nil {
		modelConfig = model.Visitors.ConfigData
	}
	ours, theirs := cut(m.configData(config, modelConfig, p.Visitors.ConfigData))
	merged := Property{
		Point: driver.PointConfig{
			Name:     p.Name,
			Type:     m.pointType(modelPath.Child("type"), model.Type),
			ReadOnly: m.readOnly(modelPath.Child("accessMode"), model.AccessMode),
			Settings: theirs,
		},
		Unit:          model.Unit,
		CollectCycle:  m.cycle(path.Child("collectCycle"), p.CollectCycle, time.Second),
		ReportToCloud: p.ReportToCloud,
		Rules:         m.rules(path, i, defaults, ours),
	}
	merged.ReportCycle = m.cycle(path.Child("reportCycle"), p.ReportCycle, merged.CollectCycle)
	m.limits(modelPath, model, &merged.Point)
	return merged
}

// modelProperty finds a property in the model, with its path there.
func (m *merger) modelProperty(path *field.Path, i int) (*v1beta1.ModelProperty, *field.Path) {
	name := m.device.Spec.Properties[i].Name
	if name == "" {
		m.fail(field.Required(path.Child("name"), "want the name of a property of the model"))
		return nil, nil
	}
	if len(name) > dataplane.MaxTopic {
		m.fail(field.TooLong(path.Child("name"), name, dataplane.MaxTopic))
		return nil, nil
	}
	for j := range i {
		if m.device.Spec.Properties[j].Name == name {
			m.fail(field.Duplicate(path.Child("name"), name))
			return nil, nil
		}
	}
	for j := range m.model.Spec.Properties {
		if p := &m.model.Spec.Properties[j]; p.Name == name {
			return p, m.modelPath("properties").Index(j)
		}
	}
	m.fail(field.NotSupported(path.Child("name"), name, m.modelNames()))
	return nil, nil
}

func (m *merger) modelNames() []string {
	names := make([]string, len(m.model.Spec.Properties))
	for i := range names {
		names[i] = m.model.Spec.Properties[i].Name
	}
	return names
}

var pointTypes = []driver.Type{driver.Int, driver.Float, driver.Double, driver.String, driver.Boolean, driver.Bytes}

func (m *merger) pointType(path *field.Path, t v1beta1.PropertyType) driver.Type {
	for _, known := range pointTypes {
		if strings.EqualFold(string(known), string(t)) {
			return known
		}
	}
	switch t {
	case "":
		m.fail(field.Required(path, "want one of INT, FLOAT, DOUBLE, STRING, BOOLEAN, BYTES"))
	case v1beta1.STREAM:
		m.fail(field.Invalid(path, string(t), "video streams do not go through the data plane: want one of INT, FLOAT, DOUBLE, STRING, BOOLEAN, BYTES"))
	default:
		m.fail(field.NotSupported(path, driver.Type(t), pointTypes))
	}
	return ""
}

func (m *merger) readOnly(path *field.Path, mode v1beta1.PropertyAccessMode) bool {
	switch mode {
	case v1beta1.ReadOnly, v1beta1.ReadWrite:
	case "":
		m.fail(field.Required(path, "want ReadWrite or ReadOnly"))
	default:
		m.fail(field.NotSupported(path, mode, []v1beta1.PropertyAccessMode{v1beta1.ReadWrite, v1beta1.ReadOnly}))
	}
	return mode == v1beta1.ReadOnly
}

// nanoseconds is where KubeEdge's cycles stop being milliseconds: CRs from
// before v1beta1 count in nanoseconds, and 1e8 ms would be more than a day.
const nanoseconds = 1e8

// cycle reads a cycle; 0 is def.
func (m *merger) cycle(path *field.Path, n int64, def time.Duration) time.Duration {
	switch {
	case n < 0:
		m.fail(field.Invalid(path, n, "want milliseconds, 1 or more"))
		return def
	case n == 0:
		return def
	case n >= nanoseconds:
		return time.Duration(n)
	}
	return time.Duration(n) * time.Millisecond
}

// rules merges a property's rules and fills in its topic.
func (m *merger) rules(path *field.Path, i int, defaults Rules, settings driver.Settings) Rules {
	d, p := m.device, &m.device.Spec.Properties[i]
	config := path.Child("visitors", "configData")
	topicPath := config.Child("topic")
	if wish := zmqWish(p); wish != nil {
		if !hasFold(m.given, "publish") {
			defaults.Publish = true
		}
		if wish.Topic != "" && !hasFold(m.given, "topic") {
			defaults.Topic = wish.Topic
			topicPath = path.Child("pushMethod", "mqtt", "topic")
		}
	}
	if hasFold(settings, "topic") {
		topicPath = config.Child("topic")
	}
	rules, err := defaults.overlay(settings)
	m.settings(config, err)
	topic, err := expandTopic(rules.Topic, p.Name, d.Name, m.model.Name)
	if err != nil {
		m.fail(field.Invalid(topicPath, brief(rules.Topic), err.Error()))
	}
	rules.Topic = topic
	return rules
}

// zmqWish returns a push method that names the data plane, or nil.
func zmqWish(p *v1beta1.DeviceProperty) *v1beta1.PushMethodMQTT {
	if p.PushMethod == nil || p.PushMethod.MQTT == nil {
		return nil
	}
	if !strings.HasPrefix(strings.ToLower(p.PushMethod.MQTT.Address), "zmq://") {
		return nil
	}
	return p.PushMethod.MQTT
}

// limits hands the model's minimum and maximum of a number to the driver.
func (m *merger) limits(path *field.Path, model *v1beta1.ModelProperty, point *driver.PointConfig) {
	switch point.Type {
	case driver.Int, driver.Float, driver.Double:
	default:
		return
	}
	for _, limit := range []struct{ setting, key, text string }{
		{"min", "minimum", strings.TrimSpace(model.Minimum)},
		{"max", "maximum", strings.TrimSpace(model.Maximum)},
	} {
		if limit.text == "" || hasFold(point.Settings, limit.setting) {
			continue
		}
		if f, err := strconv.ParseFloat(limit.text, 64); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			m.fail(field.Invalid(path.Child(limit.key), limit.text, "want a finite number"))
			continue
		}
		point.Settings[limit.setting] = limit.text
	}
}

// uniqueTopics leaves out properties that arrive at one topic.
func (m *merger) uniqueTopics(properties []Property) []Property {
	first := map[string]int{} // by topic
	clash := map[int]bool{}
	for i := range properties {
		p := &properties[i]
		if !p.Rules.Publish {
			continue
		}
		j, taken := first[p.Rules.Topic]
		if !taken {
			first[p.Rules.Topic] = i
			continue
		}
		clash[i], clash[j] = true, true
		m.fail(field.Invalid(field.NewPath("spec", "properties").Index(m.index[i]).Child("visitors", "configData", "topic"), p.Rules.Topic,
			fmt.Sprintf("properties %q and %q arrive at one topic: give each its own", properties[j].Point.Name, p.Point.Name)))
	}
	var unique []Property
	for i := range properties {
		if !clash[i] {
			unique = append(unique, properties[i])
		}
	}
	return unique
}
