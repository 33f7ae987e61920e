package dataplane

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// parseValue reads a JSON value of the named type, or of the type that it
// looks like where there is no name. Without a name, no value and null are
// the zero Value.
func parseValue(name string, raw json.RawMessage) (Value, error) {
	if name == "" && (len(raw) == 0 || string(raw) == "null") {
		return Value{}, nil
	}
	typ, err := typeOf(name, raw)
	if err != nil {
		return Value{}, err
	}
	if len(raw) == 0 {
		return Value{}, fmt.Errorf("value is missing: want one for type %v", typ)
	}
	value, err := parseTyped(typ, raw)
	if err != nil {
		return Value{}, fmt.Errorf("value %.64s: %w", raw, err)
	}
	return value, nil
}

func parseTyped(typ Type, raw json.RawMessage) (Value, error) {
	switch typ {
	case Int:
		return parseInt(string(raw))
	case Float, Double:
		return parseFloat(typ, string(raw))
	case Boolean:
		var b bool
		if err := json.Unmarshal(raw, &b); err != nil || string(raw) == "null" {
			return Value{}, errors.New("want true or false for type boolean")
		}
		return BooleanValue(b), nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil || string(raw) == "null" {
		return Value{}, fmt.Errorf("want a JSON string for type %v", typ)
	}
	if typ == String {
		return StringValue(s), nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return Value{}, errors.New("want base64 (RFC 4648, section 4) for type bytes")
	}
	return BytesValue(b), nil
}

// typeOf returns the named type, or the one that a JSON value looks like.
func typeOf(name string, raw json.RawMessage) (Type, error) {
	if name != "" {
		return ParseType(name)
	}
	switch raw[0] {
	case '{', '[':
		return 0, fmt.Errorf("value %.64s: want a number, a boolean or a string", raw)
	case '"':
		return String, nil
	case 't', 'f':
		return Boolean, nil
	}
	if bytes.ContainsAny(raw, ".eE") {
		return Double, nil
	}
	return Int, nil
}

func parseInt(text string) (Value, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return IntValue(n), nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return Value{}, errors.New("want a whole number from -2^63 to 2^64-1 for type int")
	}
	return UintValue(n), nil
}

// parseFloat reads a number, or the null that stands for a NaN.
func parseFloat(typ Type, text string) (Value, error) {
	if text == "null" {
		text = "NaN"
	}
	bits := 64
	if typ == Float {
		bits = 32
	}
	f, err := strconv.ParseFloat(text, bits)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return Value{}, fmt.Errorf("want a number within the range of type %v", typ)
	case err != nil:
		return Value{}, fmt.Errorf("want a number for type %v", typ)
	case typ == Float:
		return FloatValue(float32(f)), nil
	}
	return DoubleValue(f), nil
}
