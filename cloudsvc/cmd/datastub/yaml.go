package main

import (
	"bytes"
	"encoding/json"
	"io"

	"go.yaml.in/yaml/v3"
)

// printYAML writes a value as a YAML document that begins with "---".
//
// It goes by way of JSON, so that names, their order and the digits of
// numbers are JSON's: 20.0 stays 20.0, which other ways from JSON to YAML lose.
func printYAML(w io.Writer, value any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return err
	}
	dec := json.NewDecoder(&text)
	dec.UseNumber()
	node, err := yamlNode(dec)
	if err != nil {
		return err
	}
	document, err := yaml.Marshal(node)
	if err != nil {
		return err
	}
	_, err = w.Write(append([]byte("---\n"), document...))
	return err
}

// yamlNode reads one JSON value.
func yamlNode(dec *json.Decoder) (*yaml.Node, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		return yamlCollection(dec, token)
	case string:
		// In quotes, always: no reader takes "on" or "007" for something else.
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: token}, nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: token.String()}, nil
	}
	node := &yaml.Node{}
	return node, node.Encode(token) // a boolean, or null
}

// yamlCollection reads the rest of a JSON object or array, behind its brace.
func yamlCollection(dec *json.Decoder, open json.Delim) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.SequenceNode}
	if open == '{' {
		node.Kind = yaml.MappingNode
	}
	for dec.More() {
		child, err := yamlNode(dec)
		if err != nil {
			return nil, err
		}
		if node.Kind == yaml.MappingNode && len(node.Content)%2 == 0 {
			child.Style = 0 // a name
		}
		node.Content = append(node.Content, child)
	}
	_, err := dec.Token() // the closing brace
	return node, err
}
