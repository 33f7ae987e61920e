package cloudsvc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// minLetterBytes is the least that dead letters may have, in bytes: room for one
// of the largest, and for some others.
const minLetterBytes = 16 << 20

// A LetterRetention says how long dead letters are kept.
type LetterRetention struct {
	MaxAge   time.Duration // after the last try; 0: 30 days
	MaxBytes int64         // of all; 0: an eighth of what a class may have without rules
}

// letterText is a LetterRetention as a config has it, in YAML.
type letterText struct {
	MaxAge   string `json:"maxAge,omitempty"`
	MaxBytes string `json:"maxBytes,omitempty"`
}

const letterExample = "{maxAge: 30d, maxBytes: 128Mi}"

// parseLetters reads a LetterRetention. The error has every problem, each with its
// field and value.
func parseLetters(text string) (l LetterRetention, err error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return l, errors.New("not YAML: want a map such as " + letterExample)
	}
	if len(document.Content) == 0 {
		return l, nil
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return l, fmt.Errorf("%s: want a map such as %s", describeNode(root), letterExample)
	}
	errs := readFields(root, "maxAge or maxBytes", map[string]func(*yaml.Node) error{
		"maxAge":   func(value *yaml.Node) (err error) { l.MaxAge, err = parseAge(value); return err },
		"maxBytes": func(value *yaml.Node) (err error) { l.MaxBytes, err = parseBytes(value, minLetterBytes); return err },
	})
	return l, joinLine(errs)
}

// String returns what parseLetters reads.
func (l LetterRetention) String() string {
	var text letterText
	if l.MaxAge > 0 {
		text.MaxAge = l.MaxAge.String()
	}
	if l.MaxBytes > 0 {
		text.MaxBytes = strconv.FormatInt(l.MaxBytes, 10)
	}
	if text == (letterText{}) {
		return ""
	}
	b, _ := json.Marshal(text) // which is YAML; texts always marshal
	return string(b)
}
