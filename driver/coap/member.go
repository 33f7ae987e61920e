package coap

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// member returns one member of a JSON document as text: strings without their
// quotes, anything else as JSON. The path is of names and of indexes of arrays,
// parted by dots; an empty one means the whole.
func member(document []byte, path string) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber() // 64 bits of a counter survive
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", fmt.Errorf("payload is no JSON: %w", err)
	}
	if decoder.More() {
		return "", errors.New("payload is more than one JSON document")
	}
	if path != "" {
		for step := range strings.SplitSeq(path, ".") {
			var err error
			if value, err = inside(value, step); err != nil {
				return "", fmt.Errorf("jsonKey %s: %w", path, err)
			}
		}
	}
	switch value := value.(type) {
	case nil:
		return "", errors.New("the value is null")
	case string:
		return value, nil
	}
	text, err := json.Marshal(value)
	return string(text), err
}

// inside returns what a name or an index leads to.
func inside(value any, step string) (any, error) {
	switch value := value.(type) {
	case map[string]any:
		if inner, ok := value[step]; ok {
			return inner, nil
		}
	case []any:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(value) {
			return value[i], nil
		}
	}
	return nil, fmt.Errorf("there is no %q in the payload", step)
}
