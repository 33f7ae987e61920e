package mapper

import (
	"fmt"
	"strings"

	"datastub/dataplane"
)

// placeholders are what a topic's template may contain.
const placeholders = "{property}, {device} and {model}"

// expandTopic fills in a topic's template and checks what comes of it.
func expandTopic(template, property, device, model string) (string, error) {
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
