package mapper

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

var errUnmarked = errors.New(`another document begins without a mark: put a line with "---" before it`)

// checkYAML refuses a document that decoders take and should not: one behind
// which another begins without a mark, which they would pass over in silence,
// and one whose aliases make more of it than a file may hold ("billion laughs").
func checkYAML(text []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root yaml.Node
	if err := decoder.Decode(&root); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errUnmarked
	}
	if bytes.IndexByte(text, '*') < 0 {
		return nil
	}
	if (expansion{}).size(&root) > maxFile {
		return fmt.Errorf("with its aliases written out it is larger than %v: write less of it by aliases", Size(maxFile))
	}
	return nil
}

// An expansion is how large nodes are that aliases stand for.
type expansion map[*yaml.Node]int

// size returns about how many bytes a node is with its aliases written out,
// or a number above maxFile. Each node is looked at once.
func (e expansion) size(node *yaml.Node) int {
	if node.Kind == yaml.AliasNode {
		size, known := e[node.Alias]
		if !known {
			e[node.Alias] = 0 // of one that holds itself, which decoders refuse
			size = e.size(node.Alias)
			e[node.Alias] = size
		}
		return size
	}
	size := len(node.Value) + 2
	for _, child := range node.Content {
		size = min(size+e.size(child), maxFile+1)
	}
	return size
}
