package mapper

import (
	"fmt"

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
		m.current = p.Point.Name
		m.fail(field.Invalid(propertyPath(p.Point.Name).Child("visitors", "configData", "topic"), p.Rules.Topic,
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
