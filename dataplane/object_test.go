package dataplane

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// fieldsText returns the errors that are joined, as "field: text|…".
func fieldsText(err error) string {
	var texts []string
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	for _, err := range errs {
		var field *FieldError
		if errors.As(err, &field) {
			err = fmt.Errorf("%s: %w", field.Field, err)
		}
		texts = append(texts, errText(err))
	}
	return strings.Join(texts, "|")
}

func TestObject(t *testing.T) {
	t.Parallel()
	o, err := ReadObject("body", []byte(` {"id":"a","topics":["b",7,"c"],"address":null,"ID":1,"id":"d"} `), "id", "topics", "address", "more")
	if err != nil {
		t.Fatal(err)
	}
	if got := o.Text("id"); got != "a" {
		t.Errorf("id %q", got)
	}
	if got := o.Texts("topics"); !slices.Equal(got, []string{"b", "", "c"}) {
		t.Errorf("topics %q", got)
	}
	if o.Has("address") || o.Has("more") || o.Text("address") != "" || o.Texts("more") != nil {
		t.Error("null is as good as left out")
	}
	o.Refuse("topics", errors.New("too few"))
	o.Refuse("topics", errors.New("this follows from it"))
	o.Refuse("id", nil)
	want := `ID: "ID" is no known field: want id|id: id is given twice: want it once|topics[1]: topics[1] is a JSON number: want a string|topics: too few`
	if got := fieldsText(o.Err()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestObjectIsBounded(t *testing.T) {
	t.Parallel()
	_, err := ReadObject("body", []byte(`{`+strings.Repeat(`"a":1,`, maxFields)+`"b":1}`), "a")
	if got := errText(err); got != "body has more than 64 fields" {
		t.Errorf("got %q", got)
	}
	array := "[" + strings.Repeat("1,", 1<<20) + "1]"
	o, err := ReadObject("body", []byte(`{"topics":`+array+`}`), "topics")
	if err != nil {
		t.Fatal(err)
	}
	if texts := o.Texts("topics"); texts != nil || fieldsText(o.Err()) != "topics: topics has more than 10000 elements" {
		t.Errorf("a million elements: got %d, %v", len(texts), o.Err())
	}
}

func TestElements(t *testing.T) {
	t.Parallel()
	for array, want := range map[string]string{
		" [] ":                 "0 [] true",
		"[1]":                  "1 [1] true",
		" [ 1 , [2,3] ] ":      "2 [1 [2,3]] true",
		`[{"a":"]"}, "b" , 3]`: `2 [{"a":"]"} "b"] false`,
	} {
		elements, all := Elements([]byte(array), 2)
		if got := fmt.Sprintf("%d %s %v", len(elements), elements, all); got != want {
			t.Errorf("%s: got %s, want %s", array, got, want)
		}
	}
}
