package dataplane

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxFields is how many fields a JSON object may have: several times what any
// has that is right, and few enough to report each that is not.
const maxFields = 64

// maxTexts is how many strings an array of them may have.
const maxTexts = 10_000

// A FieldError is what is wrong with one field of a JSON object.
type FieldError struct {
	Field string
	Err   error // names the field itself
}

// Error returns Err's text.
func (e *FieldError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

// An Object is a JSON object that a user wrote. It is read field by field and
// remembers everything that is wrong, so that all of it is told at once.
type Object struct {
	fields map[string]json.RawMessage
	errs   []error
	wrong  map[string]bool
}

// ReadObject reads one JSON object. The kind, "message" or "body", begins
// those errors that are about the whole, such as that it is no JSON. Fields
// that are not known, in exactly this spelling, and those that are given twice
// are among Err.
func ReadObject(kind string, data []byte, known ...string) (*Object, error) {
	if err := CheckJSON(kind, data); err != nil {
		return nil, err
	}
	if k := kindOf(data); k != "object" {
		return nil, fmt.Errorf("%s is a JSON %s: want an object", kind, k)
	}
	o := &Object{fields: make(map[string]json.RawMessage), wrong: make(map[string]bool)}
	dec := json.NewDecoder(bytes.NewReader(data))
	_, _ = dec.Token() // the brace: what follows is JSON, as CheckJSON has seen
	for n := 0; dec.More(); n++ {
		if n == maxFields {
			return nil, fmt.Errorf("%s has more than %d fields", kind, maxFields)
		}
		key, err := dec.Token()
		if err != nil {
			return nil, notJSON(kind, err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, notJSON(kind, err)
		}
		o.add(key.(string), value, known)
	}
	return o, nil
}

// add takes in one field.
func (o *Object) add(key string, value json.RawMessage, known []string) {
	_, twice := o.fields[key]
	switch {
	case twice:
		o.Refuse(key, fmt.Errorf("%.64s is given twice: want it once", key))
	case slices.Contains(known, key):
		o.fields[key] = value
	default:
		want := "one of " + strings.Join(known, ", ")
		if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, key) }); i >= 0 {
			want = known[i]
		}
		o.Refuse(key, fmt.Errorf("%.64q is no known field: want %s", key, want))
	}
}

// Refuse remembers what is wrong with a field. Only the first of each field
// counts, as the others follow from it; nil does not.
func (o *Object) Refuse(field string, err error) {
	if err == nil || o.wrong[field] {
		return
	}
	o.wrong[field] = true
	o.errs = append(o.errs, &FieldError{field, err})
}

// Err returns everything that is wrong, a *FieldError each, joined.
func (o *Object) Err() error { return errors.Join(o.errs...) }

// Raw returns a field's value, nil if it is left out.
func (o *Object) Raw(field string) json.RawMessage { return o.fields[field] }

// Has tells whether a field is given: null is as good as left out.
func (o *Object) Has(field string) bool {
	raw, ok := o.fields[field]
	return ok && kindOf(raw) != "null"
}

// Text returns a field that is a string, "" if it is left out or wrong.
func (o *Object) Text(field string) string {
	if !o.Has(field) {
		return ""
	}
	return o.text(field, field, o.fields[field])
}

// Texts returns a field that is an array of strings, nil if it is left out or
// has more than 10,000. Where it is wrong, the strings that are right are
// returned at their places.
func (o *Object) Texts(field string) []string {
	if !o.Has(field) {
		return nil
	}
	if k := kindOf(o.fields[field]); k != "array" {
		o.Refuse(field, fmt.Errorf("%s is a JSON %s: want an array of strings", field, k))
		return nil
	}
	raws, all := Elements(o.fields[field], maxTexts)
	if !all {
		o.Refuse(field, fmt.Errorf("%s has more than %d elements", field, maxTexts))
		return nil
	}
	texts := make([]string, len(raws))
	for i, raw := range raws {
		name := fmt.Sprintf("%s[%d]", field, i)
		texts[i] = o.text(name, name, raw)
	}
	return texts
}

func (o *Object) text(field, name string, raw json.RawMessage) (text string) {
	if k := kindOf(raw); k != "string" || json.Unmarshal(raw, &text) != nil {
		o.Refuse(field, fmt.Errorf("%s is a JSON %s: want a string", name, k))
	}
	return text
}

// Elements returns the elements of an array that CheckJSON has passed, or the
// first ones, and that those are not all, where there are more than so many:
// an element may take 50 times as much memory as its text.
func Elements(array []byte, most int) (elements []json.RawMessage, all bool) {
	dec := json.NewDecoder(bytes.NewReader(array))
	_, _ = dec.Token() // the bracket
	for dec.More() {
		if len(elements) == most {
			return elements, false
		}
		var element json.RawMessage
		_ = dec.Decode(&element)
		elements = append(elements, element)
	}
	return elements, true
}

// kindOf names the kind of a JSON value by its first byte.
func kindOf(raw []byte) string {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	switch raw[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

// CheckJSON tells in plain words what keeps a text from being one JSON value.
// The kind, "message" or "body", begins the error.
func CheckJSON(kind string, data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return fmt.Errorf("%s is empty: want JSON", kind)
	}
	if !utf8.Valid(data) { // else encoding/json reads other texts than were written
		return fmt.Errorf("%s is not JSON: byte %d is not UTF-8", kind, firstInvalid(data))
	}
	var value json.RawMessage
	if err := json.Unmarshal(data, &value); err != nil {
		return notJSON(kind, err)
	}
	return nil
}

// firstInvalid returns where a text ceases to be UTF-8.
func firstInvalid(data []byte) (at int) {
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return at
}

func notJSON(kind string, err error) error {
	return fmt.Errorf("%s is not JSON: %s", kind, DescribeSyntax(err))
}

// DescribeSyntax puts an error of encoding/json about a text that is no JSON
// in plain words. Bytes are counted from 0.
func DescribeSyntax(err error) string {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return "it ends too soon"
	}
	// encoding/json tells what it met by its text alone.
	text := syntax.Error()
	at := syntax.Offset - 1
	met, noQuote := strconv.QuotedPrefix(strings.TrimPrefix(text, "invalid character "))
	switch {
	case strings.HasSuffix(text, "exceeded max depth"):
		return fmt.Sprintf("too deeply nested at byte %d", at)
	case noQuote != nil:
		return fmt.Sprintf("it ends too soon, at byte %d", syntax.Offset)
	case strings.HasSuffix(text, "after top-level value"):
		return fmt.Sprintf("%s behind its end, at byte %d: want one value", met, at)
	}
	return fmt.Sprintf("unexpected %s at byte %d", met, at)
}
