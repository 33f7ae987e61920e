package dataplane

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the message as applications see it, one line without a
// newline:
//
//	{"id":"edge-1/mapper/RT/7/42","topic":"sensor/temperature",
//	 "namespace":"default","device":"boiler-1","property":"temperature",
//	 "class":"RT","type":"float","value":21.3,"unit":"°C",
//	 "time":"2026-08-01T12:00:00.123456789Z","node":"edge-1","seq":42,
//	 "quality":"good"}
func (m *Message) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendJSONString(dst, m.ID.String())
	dst = appendField(dst, `,"topic":`, m.Topic)
	dst = appendField(dst, `,"namespace":`, m.Namespace)
	dst = appendField(dst, `,"device":`, m.Device)
	dst = appendField(dst, `,"property":`, m.Property)
	dst = append(dst, `,"class":"`...)
	dst = append(dst, m.Class.String()...)
	dst = append(dst, `","type":"`...)
	dst = append(dst, m.Value.typ.String()...)
	dst = append(dst, `","value":`...)
	dst = m.Value.AppendJSON(dst)
	dst = appendField(dst, `,"unit":`, m.Unit)
	dst = append(dst, `,"time":"`...)
	dst = m.Time.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, '"')
	dst = appendField(dst, `,"node":`, m.Node)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendUint(dst, m.Seq, 10)
	dst = appendField(dst, `,"quality":`, m.Quality.String())
	return append(dst, '}')
}

// MarshalJSON returns what AppendJSON appends.
func (m Message) MarshalJSON() ([]byte, error) { return m.AppendJSON(nil), nil }

// messageJSON is a message in JSON, with what a publisher may leave out as
// pointers.
type messageJSON struct {
	ID        string          `json:"id"`
	Topic     string          `json:"topic"`
	Namespace string          `json:"namespace"`
	Device    string          `json:"device"`
	Property  string          `json:"property"`
	Class     *Class          `json:"class"`
	Type      string          `json:"type"`
	Value     json.RawMessage `json:"value"`
	Unit      string          `json:"unit"`
	Time      *time.Time      `json:"time"`
	Node      string          `json:"node"`
	Seq       uint64          `json:"seq"`
	Quality   Quality         `json:"quality"`
}

// UnmarshalJSON reads what MarshalJSON writes, and passes over fields that it
// does not know, as a later version may add some.
func (m *Message) UnmarshalJSON(data []byte) error {
	var j messageJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	return m.fromJSON(&j)
}

// DecodeMessage reads one message that a user wrote. A field that is not a
// message's is an error. Type may be left out: a whole number is an int, any
// other number a double. What else is left out stays zero; see Validate.
func DecodeMessage(data []byte) (Message, error) {
	var j messageJSON
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return Message{}, explainJSON(err)
	}
	var m Message
	err := m.fromJSON(&j)
	return m, err
}

// explainJSON puts encoding/json's errors in a user's words.
func explainJSON(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s: a JSON %s is not a %s", wrong.Field, wrong.Value, wrong.Type)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

func (m *Message) fromJSON(j *messageJSON) error {
	*m = Message{
		Topic: j.Topic, Namespace: j.Namespace, Device: j.Device, Property: j.Property,
		Unit: j.Unit, Node: j.Node, Seq: j.Seq, Quality: j.Quality,
	}
	if j.Class != nil {
		m.Class = *j.Class
	}
	if j.Time != nil {
		m.Time = *j.Time
	}
	if j.ID != "" {
		id, err := ParseID(j.ID)
		if err != nil {
			return err
		}
		m.ID = id
	}
	if j.Type == "" && len(j.Value) == 0 {
		return nil
	}
	value, err := parseValue(j.Type, j.Value)
	if err != nil {
		return fmt.Errorf("value %.64s: %w", j.Value, err)
	}
	m.Value = value
	return nil
}

// parseValue reads a JSON value of the named type, or of the type that it
// looks like where there is no name.
func parseValue(name string, raw json.RawMessage) (Value, error) {
	typ, err := typeOf(name, raw)
	if err != nil {
		return Value{}, err
	}
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
	switch {
	case len(raw) == 0 || raw[0] == 'n' || raw[0] == '{' || raw[0] == '[':
		return 0, errors.New("want a number, a boolean or a string")
	case raw[0] == '"':
		return String, nil
	case raw[0] == 't' || raw[0] == 'f':
		return Boolean, nil
	case bytes.ContainsAny(raw, ".eE"):
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
	f, err := math.NaN(), error(nil)
	if text != "null" {
		f, err = strconv.ParseFloat(text, 64)
	}
	if err != nil {
		return Value{}, fmt.Errorf("want a number for type %v", typ)
	}
	if typ == Float {
		return FloatValue(float32(f)), nil
	}
	return DoubleValue(f), nil
}

func appendField(dst []byte, key, text string) []byte {
	return appendJSONString(append(dst, key...), text)
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends text as a JSON string (RFC 8259, section 7). Bytes
// that are not UTF-8 become U+FFFD.
func appendJSONString(dst []byte, text string) []byte {
	dst = append(dst, '"')
	plain := 0 // text[plain:i] needs no escape
	for i := 0; i < len(text); {
		c := text[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(append(dst, text[plain:i]...), `\ufffd`...)
		} else {
			dst = append(dst, text[plain:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
		}
		i++
		plain = i
	}
	return append(append(dst, text[plain:]...), '"')
}
