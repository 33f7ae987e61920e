package dataplane

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// keptTexts is how many texts a MessageReader keeps: more series than most
// subscribers have. When there are more, it begins anew.
const keptTexts = 8192

// A MessageReader reads the messages of a stream, a JSON object each. Names and
// topics come again and again: it keeps one copy of each. The zero
// MessageReader is ready to use, by one goroutine at a time.
type MessageReader struct {
	texts map[string]string
}

// Read reads what Message.MarshalJSON writes. A field that it does not know is
// told to other, its value as JSON, which is valid only until other returns;
// nil passes over such fields.
func (r *MessageReader) Read(data []byte, m *Message, other func(field string, value []byte)) error {
	if r.texts == nil || len(r.texts) > keptTexts {
		r.texts = make(map[string]string)
	}
	*m = Message{}
	f := messageFields{texts: r.texts, message: m}
	s := jsonScanner{data: data}
	for s.field() {
		if !f.take(s.key, s.value) && other != nil {
			other(string(s.key), s.value)
		}
	}
	if !s.whole {
		return explainMessage(data)
	}
	return f.finish()
}

// explainMessage tells what is wrong with a message that is no JSON object.
func explainMessage(data []byte) error {
	if err := CheckJSON("message", data); err != nil {
		return err
	}
	return fmt.Errorf("message is a JSON %s: want an object", kindOf(data))
}

// messageFields takes in the fields of one message in JSON.
type messageFields struct {
	texts   map[string]string // see MessageReader
	message *Message

	typ   string
	value []byte
	err   error // the first thing that is wrong
}

// take takes in one field, and returns whether it is one of a message.
func (f *messageFields) take(key, value []byte) (known bool) {
	m := f.message
	switch string(key) {
	case "id":
		f.refuse(setOptional(&m.ID, f.once(key, value), ParseID))
	case "topic":
		m.Topic = f.text(key, value)
	case "namespace":
		m.Namespace = f.text(key, value)
	case "device":
		m.Device = f.text(key, value)
	case "property":
		m.Property = f.text(key, value)
	case "class":
		f.refuse(setOptional(&m.Class, f.text(key, value), ParseClass))
	case "type":
		f.typ = f.text(key, value)
	case "value":
		f.value = value
	case "unit":
		m.Unit = f.text(key, value)
	case "time":
		f.refuse(setOptional(&m.Time, f.once(key, value), parseTime))
	case "node":
		m.Node = f.text(key, value)
	case "seq":
		f.takeSeq(value)
	case "quality":
		m.Quality = Quality(f.text(key, value))
	default:
		return false
	}
	return true
}

// finish reads the value, which needs the type.
func (f *messageFields) finish() error {
	if f.err != nil {
		return f.err
	}
	var err error
	f.message.Value, err = parseValue(f.typ, f.value)
	return err
}

func (f *messageFields) refuse(err error) {
	if f.err == nil {
		f.err = err
	}
}

// text returns a string that other messages are likely to have, too.
func (f *messageFields) text(key, value []byte) string {
	raw, plain := plainText(value)
	if !plain {
		return f.once(key, value)
	}
	if kept, known := f.texts[string(raw)]; known {
		return kept
	}
	text := string(raw)
	if len(text) <= MaxTopic {
		f.texts[text] = text
	}
	return text
}

// once returns a string that no other message has. Null is as good as none.
func (f *messageFields) once(key, value []byte) (text string) {
	if raw, plain := plainText(value); plain {
		return string(raw)
	}
	if value[0] == 'n' {
		return ""
	}
	if json.Unmarshal(value, &text) != nil {
		f.refuse(fmt.Errorf("%s is a JSON %s: want a string", key, kindOf(value)))
	}
	return text
}

func (f *messageFields) takeSeq(value []byte) {
	n, err := strconv.ParseUint(string(value), 10, 64)
	switch {
	case err == nil:
		f.message.Seq = n
	case kindOf(value) == "null":
		f.message.Seq = 0
	case kindOf(value) == "number":
		f.refuse(fmt.Errorf("seq is a JSON number %.64s: want a whole number from 0 to 2^64-1", value))
	default:
		f.refuse(fmt.Errorf("seq is a JSON %s: want a whole number from 0 to 2^64-1", kindOf(value)))
	}
}

// setOptional parses a text that may be empty, which is zero.
func setOptional[T any](to *T, text string, parse func(string) (T, error)) (err error) {
	*to, err = parseOptional(text, parse)
	return err
}
