package cloudsvc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readFile reads a YAML file over c: one map of keys and texts, or lists of texts. An empty file
// sets nothing, and neither does a key without a value. The error has every
// problem, each with its line.
func (c *Config) readFile(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	root, err := parseConfigFile(content)
	if err != nil {
		return fmt.Errorf("configuration %s: %w", path, err)
	}
	var errs []error
	seen := make(map[string]bool)
	for i := 0; root != nil && i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		err := c.setKey(key.Value, value)
		if seen[key.Value] {
			err = errors.New("is given twice: want it once")
		}
		seen[key.Value] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("configuration %s: line %d: %s: %w", path, key.Line, key.Value, err))
		}
	}
	return errors.Join(errs...)
}

// parseConfigFile returns the map that a file holds, nil if it holds nothing.
func parseConfigFile(content []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(content))
	var document, more yaml.Node
	switch err := dec.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one YAML document: want one")
	}
	root := document.Content[0]
	switch {
	case root.ShortTag() == "!!null":
		return nil, nil
	case root.Kind != yaml.MappingNode:
		return nil, fmt.Errorf("line %d: %s: want a map with the keys %s", root.Line, describeNode(root), configKeys())
	}
	return root, nil
}

// setKey sets the field of one key.
func (c *Config) setKey(key string, value *yaml.Node) error {
	i := slices.IndexFunc(settings[:], func(s setting) bool { return s.key == key })
	if i < 0 {
		return unknownKey(key)
	}
	if value.Kind == yaml.AliasNode {
		value = value.Alias
	}
	if value.ShortTag() == "!!null" {
		return nil
	}
	text, err := settings[i].text(value)
	if err != nil {
		return err
	}
	return settings[i].set(c, text)
}

// text returns a value of the file as text.
func (s *setting) text(value *yaml.Node) (string, error) {
	switch {
	case s.yaml:
		text, err := yaml.Marshal(value)
		return string(text), err
	case value.Kind == yaml.ScalarNode:
		return value.Value, nil
	case !s.list:
		return "", fmt.Errorf("%s: want a text such as %s", describeNode(value), s.example)
	case value.Kind != yaml.SequenceNode:
		return "", fmt.Errorf("%s: want a list such as [%s]", describeNode(value), s.example)
	}
	var texts []string
	for _, element := range value.Content {
		if element.Kind != yaml.ScalarNode {
			return "", fmt.Errorf("%s in the list: want texts such as %s", describeNode(element), s.example)
		}
		texts = append(texts, element.Value)
	}
	return strings.Join(texts, ","), nil
}

func unknownKey(key string) error {
	for _, s := range settings {
		if strings.EqualFold(s.key, strings.ReplaceAll(key, "-", "")) {
			return fmt.Errorf("unknown key: want %s", s.key)
		}
	}
	return fmt.Errorf("unknown key: want one of %s", configKeys())
}

// configKeys lists the keys of the file.
func configKeys() string {
	keys := make([]string, len(settings))
	for i, s := range settings {
		keys[i] = s.key
	}
	return strings.Join(keys, ", ")
}

// describeNode says what stands in the place of something else.
func describeNode(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%.64q", n.Value)
}
