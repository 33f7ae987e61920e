package mapper

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Protocols are names of protocols, in the letters that Devices have: EdgeCore
// compares exactly.
type Protocols []string

var _ yaml.Unmarshaler = (*Protocols)(nil)

// UnmarshalYAML reads a list, or text with one name or several with commas.
func (p *Protocols) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return node.Decode((*[]string)(p))
	}
	*p = nil
	for name := range strings.SplitSeq(node.Value, ",") {
		if name = strings.TrimSpace(name); name != "" {
			*p = append(*p, name)
		}
	}
	return nil
}
