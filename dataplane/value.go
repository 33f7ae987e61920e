package dataplane

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
)

// Type is the type of a value, as applications see it: KubeEdge's model types
// in lower case.
type Type uint8

// The types.
const (
	Int     Type = 1 // int64, or uint64 where it is larger than any int64
	Float   Type = 2 // IEEE 754 single precision
	Double  Type = 3 // IEEE 754 double precision
	Boolean Type = 4
	String  Type = 5 // UTF-8; in JSON any other byte becomes U+FFFD
	Bytes   Type = 6 // base64 in JSON (RFC 4648, section 4)
)

var typeNames = [...]string{Int: "int", Float: "float", Double: "double", Boolean: "boolean", String: "string", Bytes: "bytes"}

// ParseType reads a type's name.
func ParseType(s string) (Type, error) {
	for t := Int; t <= Bytes; t++ {
		if typeNames[t] == s {
			return t, nil
		}
	}
	return 0, fmt.Errorf("type %q is not one of int, float, double, boolean, string, bytes", s)
}

// String returns the type's name.
func (t Type) String() string {
	if t >= Int && t <= Bytes {
		return typeNames[t]
	}
	return fmt.Sprintf("Type(%d)", uint8(t))
}

// A Value is one typed value. It is comparable, and a number needs no
// allocation. The zero Value is not valid.
type Value struct {
	typ      Type
	unsigned bool   // typ is Int, and bits is a uint64 above the largest int64
	bits     uint64 // Int: two's complement; Float, Double: IEEE 754 of a float64; Boolean: 0 or 1
	text     string // String and Bytes
}

// IntValue returns an Int.
func IntValue(n int64) Value { return Value{typ: Int, bits: uint64(n)} }

// UintValue returns an Int.
func UintValue(n uint64) Value { return Value{typ: Int, bits: n, unsigned: n > math.MaxInt64} }

// FloatValue returns a Float.
func FloatValue(f float32) Value { return Value{typ: Float, bits: math.Float64bits(float64(f))} }

// DoubleValue returns a Double.
func DoubleValue(f float64) Value { return Value{typ: Double, bits: math.Float64bits(f)} }

// BooleanValue returns a Boolean.
func BooleanValue(b bool) Value {
	if b {
		return Value{typ: Boolean, bits: 1}
	}
	return Value{typ: Boolean}
}

// StringValue returns a String.
func StringValue(s string) Value { return Value{typ: String, text: s} }

// BytesValue returns a Bytes with a copy of b.
func BytesValue(b []byte) Value { return Value{typ: Bytes, text: string(b)} }

// ValueOf returns the Value of an int64, uint64, float32, float64, bool,
// string or []byte.
func ValueOf(v any) (Value, error) {
	switch v := v.(type) {
	case int64:
		return IntValue(v), nil
	case uint64:
		return UintValue(v), nil
	case float32:
		return FloatValue(v), nil
	case float64:
		return DoubleValue(v), nil
	case bool:
		return BooleanValue(v), nil
	case string:
		return StringValue(v), nil
	case []byte:
		return BytesValue(v), nil
	}
	return Value{}, fmt.Errorf("value of Go type %T: want int64, uint64, float32, float64, bool, string or []byte", v)
}

// Type returns the value's type, 0 for the zero Value.
func (v Value) Type() Type { return v.typ }

// Int64 returns an Int that is not above the largest int64.
func (v Value) Int64() (int64, bool) { return int64(v.bits), v.typ == Int && !v.unsigned }

// Uint64 returns an Int that is not negative.
func (v Value) Uint64() (uint64, bool) {
	return v.bits, v.typ == Int && (v.unsigned || int64(v.bits) >= 0)
}

// Number returns an Int, Float or Double as a float64, which rounds an Int
// beyond 2^53.
func (v Value) Number() (float64, bool) {
	switch {
	case v.typ == Int && v.unsigned:
		return float64(v.bits), true
	case v.typ == Int:
		return float64(int64(v.bits)), true
	case v.typ == Float, v.typ == Double:
		return math.Float64frombits(v.bits), true
	}
	return 0, false
}

// Bool returns a Boolean.
func (v Value) Bool() (value, ok bool) { return v.bits == 1, v.typ == Boolean }

// Text returns what a String or a Bytes holds.
func (v Value) Text() (string, bool) { return v.text, v.typ == String || v.typ == Bytes }

// size is about how many bytes the value takes in memory beyond its struct,
// and on the wire.
func (v Value) size() int { return 8 + len(v.text) }

// Finite tells whether JSON can express the value: it is no NaN and no
// infinity.
func (v Value) Finite() bool {
	f, number := v.Number()
	return !number || (!math.IsNaN(f) && !math.IsInf(f, 0))
}

// AppendJSON appends the value as JSON: a number, a boolean, a string, Bytes
// as a base64 string, and null for NaN and the infinities, which JSON lacks.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.typ {
	case Int:
		if v.unsigned {
			return strconv.AppendUint(dst, v.bits, 10)
		}
		return strconv.AppendInt(dst, int64(v.bits), 10)
	case Float:
		return appendFloat(dst, math.Float64frombits(v.bits), 32)
	case Double:
		return appendFloat(dst, math.Float64frombits(v.bits), 64)
	case Boolean:
		return strconv.AppendBool(dst, v.bits == 1)
	case String:
		return appendJSONString(dst, v.text)
	case Bytes:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, []byte(v.text))
		return append(dst, '"')
	}
	return append(dst, "null"...)
}

// String returns the value for people: text as it is, Bytes as base64.
func (v Value) String() string {
	switch v.typ {
	case String:
		return v.text
	case Bytes:
		return base64.StdEncoding.EncodeToString([]byte(v.text))
	case Float, Double:
		if !v.Finite() {
			return strconv.FormatFloat(math.Float64frombits(v.bits), 'g', -1, 64)
		}
	}
	return string(v.AppendJSON(nil))
}

// appendFloat appends the shortest number that reads back as f, without an
// exponent where people would not write one, and with a point or an exponent
// always: readers that tell whole numbers from others see 20.0, not 20.
func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	if !bytes.ContainsAny(dst[start:], ".e") {
		dst = append(dst, ".0"...)
	}
	return dst
}
