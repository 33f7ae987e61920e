package mapper

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"datastub/driver"
)

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
	if _, ours := CutZMQ(p.PushMethod.MQTT.Address); !ours {
		return nil
	}
	return p.PushMethod.MQTT
}

// uniqueTopics leaves out properties that arrive at one topic. It takes the
// slice.
func (m *merger) uniqueTopics(properties []Property) []Property {
	names := map[string][]string{} // by topic
	for i := range properties {
		if p := &properties[i]; p.Rules.Publish {
			names[p.Rules.Topic] = append(names[p.Rules.Topic], p.Point.Name)
		}
	}
	unique := properties[:0]
	for i := range properties {
		p := &properties[i]
		switch one := names[p.Rules.Topic]; {
		case !p.Rules.Publish || len(one) == 1:
			unique = append(unique, *p)
		case one[0] == p.Point.Name: // the others' fault is told with the first's
			m.clash(p.Rules.Topic, one)
		}
	}
	return unique
}

// clash is one fault of several properties.
func (m *merger) clash(topic string, names []string) {
	err := field.Invalid(field.NewPath("spec", "properties"), topic, fmt.Sprintf("%s arrive at one topic: give each its own", enumerated(names)))
	for _, name := range names {
		m.current = name
		m.fail(err)
	}
}

// enumerated names a few of several, and how many more there are.
func enumerated(names []string) string {
	const most = 10
	var quoted []string
	for _, name := range names[:min(len(names), most)] {
		quoted = append(quoted, strconv.Quote(cutShort(name)))
	}
	if more := len(names) - most; more > 0 {
		quoted = append(quoted, fmt.Sprintf("%d more", more))
	}
	return strings.Join(quoted, " and ")
}
