package dataplane

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
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
//
// What the message lacks is empty text.
func (m *Message) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendJSONString(dst, m.ID.String())
	dst = appendField(dst, `,"topic":`, m.Topic)
	dst = appendField(dst, `,"namespace":`, m.Namespace)
	dst = appendField(dst, `,"device":`, m.Device)
	dst = appendField(dst, `,"property":`, m.Property)
	dst = append(dst, `,"class":"`...)
	if m.Class != 0 {
		dst = append(dst, m.Class.String()...)
	}
	dst = append(dst, `","type":"`...)
	if m.Value.typ != 0 {
		dst = append(dst, m.Value.typ.String()...)
	}
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

// messageJSON is a message in JSON, as text where encoding/json's own reading
// would give errors that do not name the field.
type messageJSON struct {
	ID        string          `json:"id"`
	Topic     string          `json:"topic"`
	Namespace string          `json:"namespace"`
	Device    string          `json:"device"`
	Property  string          `json:"property"`
	Class     string          `json:"class"`
	Type      string          `json:"type"`
	Value     json.RawMessage `json:"value"`
	Unit      string          `json:"unit"`
	Time      string          `json:"time"`
	Node      string          `json:"node"`
	Seq       uint64          `json:"seq"`
	Quality   Quality         `json:"quality"`
}

// UnmarshalJSON reads what MarshalJSON writes, and passes over fields that it
// does not know, as a later version may add some.
func (m *Message) UnmarshalJSON(data []byte) error {
	var j messageJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return explainJSON(err)
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
	if _, err := dec.Token(); err != io.EOF {
		return Message{}, fmt.Errorf("message has more behind its end, at byte %d: want one JSON object", dec.InputOffset())
	}
	var m Message
	if err := m.fromJSON(&j); err != nil {
		return Message{}, err
	}
	return m, nil
}

// explainJSON puts encoding/json's errors in a user's words.
func explainJSON(err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field == "":
		return fmt.Errorf("message is a JSON %s: want an object", wrong.Value)
	case errors.As(err, &wrong) && wrong.Type.Kind() == reflect.Uint64:
		return fmt.Errorf("%s is a JSON %s: want a whole number from 0 to 2^64-1", wrong.Field, wrong.Value)
	case errors.As(err, &wrong):
		return fmt.Errorf("%s is a JSON %s: want a string", wrong.Field, wrong.Value)
	case errors.Is(err, io.EOF):
		return errors.New("message is empty: want a JSON object")
	case strings.HasPrefix(err.Error(), unknownField):
		return fmt.Errorf("message has no field %s", strings.TrimPrefix(err.Error(), unknownField))
	}
	return fmt.Errorf("message is not JSON: %w", err)
}

// unknownField begins the error of encoding/json for one; it has no type.
const unknownField = "json: unknown field "

func (m *Message) fromJSON(j *messageJSON) (err error) {
	*m = Message{
		Topic: j.Topic, Namespace: j.Namespace, Device: j.Device, Property: j.Property,
		Unit: j.Unit, Node: j.Node, Seq: j.Seq, Quality: j.Quality,
	}
	if j.ID != "" {
		if m.ID, err = ParseID(j.ID); err != nil {
			return err
		}
	}
	if j.Class != "" {
		if m.Class, err = ParseClass(j.Class); err != nil {
			return err
		}
	}
	if j.Time != "" {
		if err := m.Time.UnmarshalText([]byte(j.Time)); err != nil {
			return fmt.Errorf("time %q is not RFC 3339: want one such as 2026-08-01T12:00:00.5Z", j.Time)
		}
		if m.Time = m.Time.UTC(); !m.Time.IsZero() {
			if err := validateTime(m.Time); err != nil {
				return err
			}
		}
	}
	m.Value, err = parseValue(j.Type, j.Value)
	return err
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
