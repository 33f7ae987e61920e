package rest

import (
	"errors"
	"fmt"
	"strings"

	"datastub/dataplane"
)

// maxInvalidFields is how many wrong things one answer lists: 10,000 bad
// messages would make a large one, and say little more.
const maxInvalidFields = 100

// InvalidField is one thing that is wrong with a request.
type InvalidField struct {
	Index  *int   `json:"index,omitempty"` // of the message, in an array of them
	Field  string `json:"field,omitempty"`
	Detail string `json:"detail"`
}

// InvalidError is everything that is wrong with what a caller gave.
type InvalidError struct {
	Fields []InvalidField
	More   int // how many there are beyond Fields
}

// Error names the first, and how many more there are.
func (e *InvalidError) Error() string {
	var b strings.Builder
	first := e.Fields[0]
	if first.Index != nil {
		fmt.Fprintf(&b, "index %d: ", *first.Index)
	}
	if !strings.HasPrefix(strings.TrimPrefix(first.Detail, `"`), first.Field) { // most name their field themselves
		fmt.Fprintf(&b, "%s: ", first.Field)
	}
	b.WriteString(first.Detail)
	if more := len(e.Fields) - 1 + e.More; more > 0 {
		fmt.Fprintf(&b, " (and %d more)", more)
	}
	return b.String()
}

// Invalid returns an *InvalidError of what is wrong with a field; "" is the
// request as a whole.
func Invalid(field string, err error) error {
	var e InvalidError
	e.Add(field, err)
	return &e
}

// Add adds an error, or each of those that it joins. One that wraps a
// *dataplane.FieldError brings its own field.
func (e *InvalidError) Add(field string, err error) { e.append(nil, field, err) }

// addMessage adds what is wrong with one message of many.
func (e *InvalidError) addMessage(index int, err error) { e.append(&index, "", err) }

func (e *InvalidError) append(index *int, field string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			e.append(index, field, err)
		}
		return
	}
	if len(e.Fields) == maxInvalidFields {
		e.More++
		return
	}
	var own *dataplane.FieldError
	if errors.As(err, &own) {
		field = own.Field
	}
	e.Fields = append(e.Fields, InvalidField{Index: index, Field: field, Detail: err.Error()})
}

// OrNil returns e, or nil where nothing is wrong.
func (e *InvalidError) OrNil() error {
	if len(e.Fields) == 0 {
		return nil
	}
	return e
}
