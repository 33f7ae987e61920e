package mapper

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// A shape holds decoded YAML or JSON against a Go type before it is decoded
// into that type, so that everything wrong is told at once and with its whole
// path, where decoders stop at the first or tell a Go type's name.
type shape struct {
	tag string // the struct tag with the keys' names: "yaml" or "json"
	// loose takes a number or a boolean where text is wanted, as YAML decoders
	// do and Kubernetes does not.
	loose bool
}

// check returns what of value does not fit the type.
func (s shape) check(path *field.Path, value any, t reflect.Type) field.ErrorList {
	for t.Kind() == reflect.Pointer {
		if value == nil {
			return nil
		}
		t = t.Elem()
	}
	if value == nil { // null leaves what is there
		return nil
	}
	if errs, ok := s.checkOwn(path, value, t); ok {
		return errs
	}
	if _, text := value.(string); text && reflect.PointerTo(t).Implements(reflect.TypeFor[yaml.Unmarshaler]()) {
		return nil // it has a short form
	}
	switch t.Kind() {
	case reflect.Struct:
		return s.checkStruct(path, value, t)
	case reflect.Map:
		return s.checkMap(path, value, t)
	case reflect.Slice:
		return s.checkSlice(path, value, t)
	}
	if want := s.wantScalar(value, t.Kind()); want != "" {
		return field.ErrorList{field.TypeInvalid(path, brief(value), want)}
	}
	return nil
}

// checkOwn checks the types that decode themselves; ok tells whether t is one.
func (s shape) checkOwn(path *field.Path, value any, t reflect.Type) (errs field.ErrorList, ok bool) {
	// What is cut short is refused, as what is no scalar is.
	short := fmt.Sprint(brief(value))
	if t == reflect.TypeFor[time.Duration]() {
		if _, err := time.ParseDuration(short); err != nil {
			return field.ErrorList{field.TypeInvalid(path, brief(value), "want "+timeWithUnit)}, true
		}
		return nil, true
	}
	var err error
	switch own := reflect.New(t).Interface().(type) {
	case json.Unmarshaler:
		var text []byte
		if text, err = json.Marshal(value); err == nil {
			err = own.UnmarshalJSON(text)
		}
		if err != nil && reflect.TypeOf(value).Kind() != reflect.Map {
			err = errors.New(wantOwn(t))
		}
	case encoding.TextUnmarshaler:
		err = own.UnmarshalText([]byte(short))
	default:
		return nil, false
	}
	if err != nil {
		return field.ErrorList{field.TypeInvalid(path, brief(value), err.Error())}, true
	}
	return nil, true
}

// wantOwn says what a type with its own JSON form wants.
func wantOwn(t reflect.Type) string {
	if strings.HasSuffix(t.Name(), "Time") {
		return "want a time such as 2026-08-01T12:00:00Z"
	}
	return "want a map of keys and values"
}

func (s shape) checkStruct(path *field.Path, value any, t reflect.Type) field.ErrorList {
	object, ok := value.(map[string]any)
	if !ok {
		if path == nil {
			path = field.NewPath("(file)")
		}
		return field.ErrorList{field.TypeInvalid(path, brief(value), "want a map with the keys "+strings.Join(s.keys(t), ", "))}
	}
	fields := map[string]reflect.Type{}
	s.collect(t, fields)
	var errs field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(object)) {
		child := childOf(path, key)
		if ft, known := fields[key]; known {
			errs = append(errs, s.check(child, object[key], ft)...)
			continue
		}
		errs = append(errs, field.TypeInvalid(child, brief(object[key]), "unknown key: want one of "+strings.Join(s.keys(t), ", ")))
	}
	return errs
}

func (s shape) checkMap(path *field.Path, value any, t reflect.Type) field.ErrorList {
	object, ok := value.(map[string]any)
	if !ok {
		return field.ErrorList{field.TypeInvalid(path, brief(value), "want a map")}
	}
	var errs field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(object)) {
		errs = append(errs, s.check(path.Key(plain(key)), object[key], t.Elem())...)
	}
	return errs
}

func (s shape) checkSlice(path *field.Path, value any, t reflect.Type) field.ErrorList {
	list, ok := value.([]any)
	if !ok {
		return field.ErrorList{field.TypeInvalid(path, brief(value), `want a list: items that begin with "- "`)}
	}
	var errs field.ErrorList
	for i, item := range list {
		object, _ := item.(map[string]any)
		name, _ := object["name"].(string)
		errs = append(errs, s.check(itemPath(path, i, name), item, t.Elem())...)
	}
	return errs
}

// wantScalar says what is wanted where value is no scalar of the kind, and is
// empty where it is one.
func (s shape) wantScalar(value any, kind reflect.Kind) string {
	switch kind {
	case reflect.Bool:
		if _, ok := value.(bool); !ok {
			return "want true or false, without quotes"
		}
	case reflect.String:
		if of := reflect.TypeOf(value).Kind(); of == reflect.Map || of == reflect.Slice {
			return "want one text, without keys or items of its own"
		}
		if _, ok := value.(string); !ok && (!s.loose || !isScalar(value)) {
			return "want text: put it in quotes"
		}
	case reflect.Int32:
		if !isWhole(value, 32) {
			return "want a whole number of 32 bits, without quotes"
		}
	case reflect.Int, reflect.Int64:
		if !isWhole(value, 64) {
			return "want a whole number, without quotes"
		}
	}
	return ""
}

// collect adds the type's keys, those of inlined structs included.
func (s shape) collect(t reflect.Type, fields map[string]reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get(s.tag), ",")
		switch {
		case strings.Contains(options, "inline"):
			s.collect(f.Type, fields)
		case name != "" && name != "-":
			fields[name] = f.Type
		}
	}
}

func (s shape) keys(t reflect.Type) []string {
	fields := map[string]reflect.Type{}
	s.collect(t, fields)
	return slices.Sorted(maps.Keys(fields))
}

func isScalar(value any) bool {
	switch value.(type) {
	case string, bool, int, int64, uint64, float64:
		return true
	}
	return false
}

// isWhole tells whether a value is a whole number of so many bits.
func isWhole(value any, bits int) bool {
	switch v := value.(type) {
	case int:
		return isWhole(int64(v), bits)
	case int64:
		return bits == 64 || int64(int32(v)) == v
	case float64:
		return v == math.Trunc(v) && math.Abs(v) < math.Ldexp(1, bits-1)
	}
	return false
}

// brief returns a value as an error shows it: scalars as they are, text cut
// short, everything else by what it is.
func brief(value any) any {
	switch v := value.(type) {
	case nil:
		return label("null")
	case string:
		return cutShort(v)
	case int: // field.Error prints an int64 plainly, an int as a Go literal
		return int64(v)
	case map[string]any:
		return label("a map")
	case []any:
		return label("a list")
	}
	return value
}

// cutShort returns the beginning of a text that is too long to be shown as a
// value.
func cutShort(text string) string { return cutTo(64, text) }

// cutTo returns the beginning of a text that is longer than most bytes.
func cutTo(most int, text string) string {
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// plain returns a key or a name as a path shows it: not too long, and in
// quotes if it would not stay on its line.
func plain(name string) string {
	name = cutShort(name)
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// label is a value that an error prints without quotes.
type label string

// String returns the label.
func (l label) String() string { return string(l) }

// childOf is path.Child for a path that may be the root, nil.
func childOf(path *field.Path, name string) *field.Path {
	if path == nil {
		return field.NewPath(plain(name))
	}
	return path.Child(plain(name))
}

// itemPath is the path of an item of a list: by its name, or by its index
// where it has none.
func itemPath(list *field.Path, i int, name string) *field.Path {
	if name == "" {
		return list.Index(i)
	}
	return list.Key(plain(name))
}
