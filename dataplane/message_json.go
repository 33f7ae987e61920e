package dataplane

import (
	"errors"
	"fmt"
	"strconv"
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
	dst = append(dst, `{"id":"`...)
	dst = m.ID.appendJSON(dst)
	dst = append(dst, '"')
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

// userFields are the keys of a message that a user may write. The last
// ones are of a message that comes from a stream: they are passed over.
var userFields = [...]string{
	"topic", "namespace", "device", "property", "class", "type", "value", "unit", "time", "quality",
	"id", "node", "seq", "position",
}

// DecodeMessage reads and checks one message that a user wrote. Topic and value
// are required. Type may be left out: a whole number is an int, any other
// number a double. What else is left out stays zero, as the caller's to fill
// in. ID, Node and Seq are not a user's to give, and stay zero in any case.
// The error has everything that is wrong, joined: a *FieldError each, unless
// it is no JSON object at all.
func DecodeMessage(data []byte) (Message, error) {
	o, err := ReadObject("message", data, userFields[:]...)
	if err != nil {
		return Message{}, err
	}
	m := Message{
		Topic: o.Text("topic"), Namespace: decodeLevel(o, "namespace"), Device: decodeLevel(o, "device"),
		Property: decodeLabel(o, "property"), Class: decodeClass(o), Value: decodeValue(o),
		Unit: decodeLabel(o, "unit"), Time: decodeTime(o), Quality: decodeQuality(o),
	}
	o.Refuse("topic", ValidateTopic(m.Topic))
	if err := o.Err(); err != nil {
		return Message{}, err
	}
	return m, nil
}

var errValueMissing = errors.New("value is missing")

func decodeLevel(o *Object, field string) string {
	name := o.Text(field)
	if name != "" {
		o.Refuse(field, ValidateLevel(field, name))
	}
	return name
}

func decodeLabel(o *Object, field string) string {
	text := o.Text(field)
	o.Refuse(field, validateLength(field, text))
	return text
}

func decodeClass(o *Object) Class {
	class, err := parseOptional(o.Text("class"), ParseClass)
	o.Refuse("class", err)
	return class
}

// decodeTime refuses the zero time when it is written: it stands for none.
func decodeTime(o *Object) time.Time {
	text := o.Text("time")
	t, err := parseOptional(text, parseTime)
	if err == nil && text != "" && t.IsZero() {
		err = fmt.Errorf("time is in the year %d: want 1678 to 2261", t.Year())
	}
	o.Refuse("time", err)
	return t
}

func decodeQuality(o *Object) Quality {
	q := Quality(o.Text("quality"))
	o.Refuse("quality", q.validate())
	return q
}

// decodeValue reads the type and the value. Where the type is wrong, only what
// is a value of no type is wrong, too.
func decodeValue(o *Object) Value {
	name := o.Text("type")
	_, err := parseOptional(name, ParseType)
	o.Refuse("type", err)
	raw := o.Raw("value")
	if o.wrong["type"] {
		err := errValueMissing
		if len(raw) > 0 {
			_, err = typeOf("", raw)
		}
		o.Refuse("value", err)
		return Value{}
	}
	value, err := parseValue(name, raw)
	if err == nil && value.typ == 0 {
		err = errValueMissing
	}
	o.Refuse("value", err)
	return value
}

// parseOptional parses a text that may be empty, which is zero.
func parseOptional[T any](text string, parse func(string) (T, error)) (T, error) {
	if text == "" {
		var zero T
		return zero, nil
	}
	return parse(text)
}

// parseTime reads RFC 3339. The zero time passes.
func parseTime(text string) (time.Time, error) {
	var t time.Time
	if err := t.UnmarshalText([]byte(text)); err != nil {
		return t, fmt.Errorf("time %.64q is not RFC 3339: want one such as 2026-08-01T12:00:00.5Z", text)
	}
	if t = t.UTC(); t.IsZero() {
		return t, nil
	}
	return t, validateTime(t)
}

// UnmarshalJSON reads what MarshalJSON writes, and passes over fields that it
// does not know, as a later version may add some.
func (m *Message) UnmarshalJSON(data []byte) error {
	var r MessageReader
	return r.Read(data, m, nil)
}

func appendField(dst []byte, key, text string) []byte {
	return appendJSONString(append(dst, key...), text)
}

// appendJSONString appends text as a JSON string (RFC 8259, section 7). Bytes
// that are not UTF-8 become U+FFFD.
func appendJSONString(dst []byte, text string) []byte {
	return append(appendJSONText(append(dst, '"'), text), '"')
}

// plainJSON tells of a byte that it stands for itself in a JSON string.
var plainJSON = func() (plain [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

const hexDigits = "0123456789abcdef"

// appendJSONText appends what stands between the quotes.
func appendJSONText(dst []byte, text string) []byte {
	plain := 0 // text[plain:i] needs no escape
	for i := 0; i < len(text); {
		c := text[i]
		if plainJSON[c] {
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
	return append(dst, text[plain:]...)
}
