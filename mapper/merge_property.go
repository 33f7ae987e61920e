package mapper

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"datastub/dataplane"
	"datastub/driver"
)

// property merges one property.
func (m *merger) property(i int, defaults Rules) Property {
	p := &m.device.Spec.Properties[i]
	path := itemPath(field.NewPath("spec", "properties"), i, p.Name)
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
		Unit:          m.unit(modelPath.Child("unit"), model.Unit),
		CollectCycle:  m.cycle(path.Child("collectCycle"), p.CollectCycle, time.Second),
		ReportToCloud: p.ReportToCloud,
		Desired:       p.Desired.Value,
		Rules:         m.rules(path, i, defaults, ours),
	}
	merged.ReportCycle = m.cycle(path.Child("reportCycle"), p.ReportCycle, merged.CollectCycle)
	m.limits(modelPath, model, &merged.Point)
	m.deadband(config.Child("deadband"), ours, &merged)
	return merged
}

// propertyPath is the path of a property that has a name.
func propertyPath(name string) *field.Path {
	return field.NewPath("spec", "properties").Key(plain(name))
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
	if m.seen[name] {
		m.fail(field.Duplicate(path.Child("name"), cutShort(name)))
		return nil, nil
	}
	m.seen[name] = true
	j, known := m.places[name]
	if !known {
		m.fail(field.NotSupported(path.Child("name"), cutShort(name), m.modelNames()))
		return nil, nil
	}
	return &m.model.Spec.Properties[j], itemPath(m.modelPath("properties"), j, name)
}

// placesOf returns where a model's properties are, by name. Of two with one
// name, the first holds.
func placesOf(model *v1beta1.DeviceModel) map[string]int {
	places := map[string]int{}
	if model == nil {
		return places
	}
	for i := range model.Spec.Properties {
		name := model.Spec.Properties[i].Name
		if _, twice := places[name]; !twice {
			places[name] = i
		}
	}
	return places
}

// isNumber tells whether a type's values are numbers.
func isNumber(t driver.Type) bool {
	return t == driver.Int || t == driver.Float || t == driver.Double
}

// modelNames returns the names of the model's properties as an error lists
// them.
func (m *merger) modelNames() []string {
	const most = 10
	var names []string
	for i := range m.model.Spec.Properties {
		if i == most {
			return append(names, "…")
		}
		names = append(names, cutShort(m.model.Spec.Properties[i].Name))
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
		m.fail(field.NotSupported(path, driver.Type(cutShort(string(t))), pointTypes))
	}
	return ""
}

func (m *merger) readOnly(path *field.Path, mode v1beta1.PropertyAccessMode) bool {
	switch mode {
	case v1beta1.ReadOnly, v1beta1.ReadWrite:
	case "":
		m.fail(field.Required(path, "want ReadWrite or ReadOnly"))
	default:
		m.fail(field.NotSupported(path, v1beta1.PropertyAccessMode(cutShort(string(mode))), []v1beta1.PropertyAccessMode{v1beta1.ReadWrite, v1beta1.ReadOnly}))
	}
	return mode == v1beta1.ReadOnly
}

// unit checks a unit, which messages carry.
func (m *merger) unit(path *field.Path, unit string) string {
	if len(unit) > dataplane.MaxTopic {
		m.fail(field.TooLong(path, unit, dataplane.MaxTopic))
	}
	return unit
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

// limits hands the model's minimum and maximum of a number to the driver.
func (m *merger) limits(path *field.Path, model *v1beta1.ModelProperty, point *driver.PointConfig) {
	if !isNumber(point.Type) {
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
			m.fail(field.Invalid(path.Child(limit.key), brief(limit.text), "want a finite number"))
			continue
		}
		point.Settings[limit.setting] = limit.text
	}
}

// deadband refuses a deadband that a property asks for whose values are no
// numbers. One that stands for all properties passes such a property by.
func (m *merger) deadband(path *field.Path, settings driver.Settings, p *Property) {
	if t := p.Point.Type; t != "" && !isNumber(t) && hasFold(settings, "deadband") && p.Rules.Deadband != (Deadband{}) {
		m.fail(field.Invalid(path, settings.Reader().String("deadband", ""), fmt.Sprintf("want a number type: the property is %s", t)))
	}
}
