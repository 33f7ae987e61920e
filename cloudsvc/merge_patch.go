package cloudsvc

import (
	"bytes"
	"encoding/json"
)

// mergePatch returns a JSON object as a merge patch wants it: RFC 7386. Both are
// JSON. What the patch takes away is null and not left out, and what it gives
// twice is there twice: readers of objects take the one as the other, and refuse
// the second.
func mergePatch(target, patch json.RawMessage) json.RawMessage {
	if !isObject(target) || !isObject(patch) {
		return patch
	}
	kept := make(map[string]json.RawMessage)
	targets, patches := members(target), members(patch)
	for _, m := range targets {
		kept[m.name] = m.value
	}
	merged := []byte{'{'}
	given := make(map[string]bool)
	for _, m := range patches {
		given[m.name] = true
		merged = appendMember(merged, m.name, mergePatch(kept[m.name], m.value))
	}
	for _, m := range targets {
		if !given[m.name] {
			merged = appendMember(merged, m.name, m.value)
		}
	}
	return append(merged, '}')
}

// A member is one of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members returns those of an object, in order.
func members(object json.RawMessage) (all []member) {
	dec := json.NewDecoder(bytes.NewReader(object))
	_, _ = dec.Token() // the brace: it is JSON
	for dec.More() {
		var m member
		name, _ := dec.Token()
		m.name, _ = name.(string)
		_ = dec.Decode(&m.value)
		all = append(all, m)
	}
	return all
}

func appendMember(object []byte, name string, value json.RawMessage) []byte {
	if len(object) > 1 {
		object = append(object, ',')
	}
	quoted, _ := json.Marshal(name) // strings always marshal
	return append(append(append(object, quoted...), ':'), value...)
}

func isObject(value json.RawMessage) bool {
	value = bytes.TrimLeft(value, " \t\r\n")
	return len(value) > 0 && value[0] == '{'
}
