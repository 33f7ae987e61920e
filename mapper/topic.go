package mapper

import (
	"fmt"
	"strings"

	"datastub/dataplane"
)

// placeholders are what a topic's template may contain.
const placeholders = "{property}, {device} and {model}"

// maxTemplate is the longest template of a topic, in bytes. It bounds what is
// made of one that is nothing but placeholders.
const maxTemplate = 4 * dataplane.MaxTopic

// expandTopic fills in a topic's template and checks what comes of it.
func expandTopic(template, property, device, model string) (string, error) {
	if len(template) > maxTemplate {
		return "", fmt.Errorf("it is %d bytes long: the most is %d, and %d for the topic that comes of it", len(template), maxTemplate, dataplane.MaxTopic)
	}
	topic := strings.NewReplacer(
		"{property}", dataplane.EscapeLevel(property),
		"{device}", dataplane.EscapeLevel(device),
		"{model}", dataplane.EscapeLevel(model),
	).Replace(template)
	if strings.ContainsAny(topic, "{}") {
		return "", fmt.Errorf("a topic may contain %s, and no other braces", placeholders)
	}
	if err := dataplane.ValidateTopic(topic); err != nil {
		return "", err
	}
	return topic, nil
}
