package dataplane

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

const readingJSON = `{"id":"edge-1/mapper/RT/7/42","topic":"sensor/temperature","namespace":"default","device":"boiler-1",` +
	`"property":"temperature","class":"RT","type":"float","value":21.3,"unit":"°C","time":"2026-08-01T12:00:00.123456789Z",` +
	`"node":"edge-1","seq":42,"quality":"good"}`

func TestMessageJSONGolden(t *testing.T) {
	t.Parallel()
	m := reading()
	if got := string(m.AppendJSON(nil)); got != readingJSON {
		t.Errorf("got  %s\nwant %s", got, readingJSON)
	}
	m.Time = m.Time.In(time.FixedZone("CEST", 7200))
	if got, err := json.Marshal(m); err != nil || string(got) != readingJSON {
		t.Errorf("json.Marshal gives %s, %v", got, err)
	}
}

func TestMessageJSONRoundTrip(t *testing.T) {
	t.Parallel()
	for _, v := range []Value{
		IntValue(math.MinInt64), IntValue(math.MaxInt64), UintValue(math.MaxUint64), FloatValue(21.3),
		FloatValue(math.SmallestNonzeroFloat32), FloatValue(-math.MaxFloat32), DoubleValue(0.1), DoubleValue(math.MaxFloat64),
		DoubleValue(math.Copysign(0, -1)), DoubleValue(math.NaN()), FloatValue(float32(math.NaN())), BooleanValue(true), StringValue("\x00\u2028<🌡"),
		BytesValue([]byte("\x00\xff")), {},
	} {
		want := reading()
		want.Value = v
		var got Message
		if err := json.Unmarshal(want.AppendJSON(nil), &got); err != nil || got != want {
			t.Errorf("%v: got %+v, %v", v, got, err)
		}
	}
}

func TestZeroMessageJSONRoundTrip(t *testing.T) {
	t.Parallel()
	want := `{"id":"","topic":"","namespace":"","device":"","property":"","class":"","type":"","value":null,"unit":"","time":"0001-01-01T00:00:00Z","node":"","seq":0,"quality":"good"}`
	var zero Message
	line := zero.AppendJSON(nil)
	if string(line) != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	zero.Quality = Good
	var got Message
	if err := json.Unmarshal(line, &got); err != nil || got != zero {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestJSONStringAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	texts := []string{"", "plain", "\"\\/", "<&>\u2028\u2029", "é🌡\U0010ffff", "\xff", "a\xc3", "\xed\xa0\x80", "\xf0\x9f\x8c", "\ufffd"}
	for c := range 0x100 {
		texts = append(texts, "a"+string([]byte{byte(c)})+"b")
	}
	for _, text := range texts {
		var got, want string
		if err := json.Unmarshal(appendJSONString(nil, text), &got); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		reference, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(reference, &want); err != nil || got != want {
			t.Errorf("%q reads as %q, want %q (%v)", text, got, want, err)
		}
	}
}

func TestDecodeMessageInfersType(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Value{
		`{"value":21}`:                               IntValue(21),
		`{"value":-0}`:                               IntValue(0),
		`{"value":18446744073709551615}`:             UintValue(math.MaxUint64),
		`{"value":21.0}`:                             DoubleValue(21),
		`{"value":2e1}`:                              DoubleValue(20),
		`{"value":true}`:                             BooleanValue(true),
		`{"value":"AP8B"}`:                           StringValue("AP8B"),
		`{"value":"AP8B","type":"bytes"}`:            BytesValue([]byte{0, 0xff, 1}),
		`{"value":21,"type":"double"}`:               DoubleValue(21),
		`{"value":0.1,"type":"float"}`:               FloatValue(0.1),
		`{"value":null,"type":"double"}`:             DoubleValue(math.NaN()),
		`{"value":1.000000059604645,"type":"float"}`: FloatValue(1.0000001),
	} {
		text = strings.Replace(text, "{", `{"topic":"a",`, 1)
		if got, err := DecodeMessage([]byte(text)); err != nil || got.Value != want {
			t.Errorf("%s: %#v, %v, want %#v", text, got.Value, err, want)
		}
	}
}

func TestDecodeMessageLeavesOut(t *testing.T) {
	t.Parallel()
	want := Message{Topic: "a", Value: IntValue(1)}
	for _, text := range []string{
		`{"topic":"a","value":1}`,
		` {"topic":"a","value":1,"class":null,"time":null,"device":"","type":""}` + "\n",
		`{"topic":"a","value":1,"id":"edge-1/mapper/RT/7/42","node":"edge-1","seq":42,"position":"AQAA"}`,
		`{"topic":"a","value":1,"id":7,"node":[],"seq":"x","position":null}`,
	} {
		if got, err := DecodeMessage([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestDecodeMessageErrors(t *testing.T) {
	t.Parallel()
	const whole = "want a whole number from -2^63 to 2^64-1 for type int"
	for _, tt := range []struct{ text, err string }{
		{``, "message is empty: want JSON"},
		{`{"topic":"a"`, "message is not JSON: it ends too soon, at byte 12"},
		{`{topic}`, "message is not JSON: unexpected 't' at byte 1"},
		{`{"topic":falso}`, "message is not JSON: unexpected 'o' at byte 13"},
		{"{\"topic\":\"a\xff\"}", "message is not JSON: byte 11 is not UTF-8"},
		{strings.Repeat("[", 10_001), "message is not JSON: too deeply nested at byte 10000"},
		{`[]`, "message is a JSON array: want an object"},
		{`"x"`, "message is a JSON string: want an object"},
		{`null`, "message is a JSON null: want an object"},
		{`{} {}`, "message is not JSON: '{' behind its end, at byte 3: want one value"},
		{`{"topic":"a"}x`, "message is not JSON: 'x' behind its end, at byte 13: want one value"},
		{`{}`, "value: value is missing|topic: topic is empty"},
		{`{"topic":"a","value":1,"tpoic":"a"}`, `tpoic: "tpoic" is no known field: want one of topic, namespace, device, property, class, type, value, unit, time, quality, id, node, seq, position`},
		{`{"topic":"a","value":1,"Topic":"b"}`, `Topic: "Topic" is no known field: want topic`},
		{`{"topic":"a","value":1,"topic":"b"}`, "topic: topic is given twice: want it once"},
		{`{"topic":1,"value":1}`, "topic: topic is a JSON number: want a string"},
		{`{"topic":"a b","value":[1],"namespace":"+","device":"d/e","property":7,"class":"QT","type":"x","unit":{},"time":"now","quality":"fine","mor":1}`,
			`mor: "mor" is no known field: want one of topic, namespace, device, property, class, type, value, unit, time, quality, id, node, seq, position|` +
				"namespace: namespace \"+\" has '+' at byte 0: wildcards, spaces and control characters are not allowed|" +
				`device: device "d/e" has a "/": it is one level of an address|property: property is a JSON number: want a string|` +
				`class: class "QT" is not RT or BT|type: type "x" is not one of int, float, double, boolean, string, bytes|` +
				"value: value [1]: want a number, a boolean or a string|" +
				`unit: unit is a JSON object: want a string|time: time "now" is not RFC 3339: want one such as 2026-08-01T12:00:00.5Z|` +
				`quality: quality "fine" is not good, best-effort, bad: reason or uncertain: reason|` +
				"topic: topic \"a b\" has ' ' at byte 1: wildcards, spaces and control characters are not allowed"},
		{`{"topic":"a","type":"x"}`, `type: type "x" is not one of int, float, double, boolean, string, bytes|value: value is missing`},
		{`{"topic":"$events/gap","value":1}`, `topic: topic "$events/gap" begins with "$", which is kept for events`},
		{`{"topic":"a","value":1,"quality":true}`, "quality: quality is a JSON boolean: want a string"},
		{`{"topic":"a","value":1,"time":"9999-12-31T23:59:59-01:00"}`, "time: time is in the year 10000: want 1678 to 2261"},
		{`{"topic":"a","value":1,"time":"0001-01-01T00:00:00Z"}`, "time: time is in the year 1: want 1678 to 2261"},
		{`{"topic":"a","value":1,"time":1785585600}`, "time: time is a JSON number: want a string"},
		{`{"topic":"a","value":1,"type":"INT"}`, `type: type "INT" is not one of int, float, double, boolean, string, bytes`},
		{`{"topic":"a","value":null}`, "value: value is missing"},
		{`{"topic":"a","type":"int"}`, "value: value is missing: want one for type int"},
		{`{"topic":"a","type":"int","value":null}`, "value: value null: " + whole},
		{`{"topic":"a","type":"int","value":1.5}`, "value: value 1.5: " + whole},
		{`{"topic":"a","value":18446744073709551616}`, "value: value 18446744073709551616: " + whole},
		{`{"topic":"a","value":-9223372036854775809}`, "value: value -9223372036854775809: " + whole},
		{`{"topic":"a","type":"float","value":1e39}`, "value: value 1e39: want a number within the range of type float"},
		{`{"topic":"a","value":1e999}`, "value: value 1e999: want a number within the range of type double"},
		{`{"topic":"a","type":"double","value":"1"}`, `value: value "1": want a number for type double`},
		{`{"topic":"a","type":"boolean","value":1}`, "value: value 1: want true or false for type boolean"},
		{`{"topic":"a","type":"boolean","value":null}`, "value: value null: want true or false for type boolean"},
		{`{"topic":"a","type":"string","value":1}`, "value: value 1: want a JSON string for type string"},
		{`{"topic":"a","type":"string","value":null}`, "value: value null: want a JSON string for type string"},
		{`{"topic":"a","type":"bytes","value":"%"}`, `value: value "%": want base64 (RFC 4648, section 4) for type bytes`},
		{`{"topic":"a","value":{"a":1}}`, `value: value {"a":1}: want a number, a boolean or a string`},
		{`{"topic":"a","value":[1]}`, "value: value [1]: want a number, a boolean or a string"},
	} {
		if got, err := DecodeMessage([]byte(tt.text)); fieldsText(err) != tt.err || got != (Message{}) {
			t.Errorf("%.200s:\ngot  %s, %+v\nwant %s", tt.text, fieldsText(err), got, tt.err)
		}
	}
}

func TestUnmarshalMessageErrors(t *testing.T) {
	t.Parallel()
	const seq = "want a whole number from 0 to 2^64-1"
	for _, tt := range []struct{ text, err string }{
		{`[]`, "message is a JSON array: want an object"},
		{`{"topic":1}`, "topic is a JSON number: want a string"},
		{`{"seq":"1"}`, "seq is a JSON string: " + seq},
		{`{"seq":-1}`, "seq is a JSON number -1: " + seq},
		{`{"seq":1.5}`, "seq is a JSON number 1.5: " + seq},
		{`{"id":"x"}`, `id "x" is not <node>/<mapper>/<class>/<epoch>/<seq>`},
		{`{"class":"QT"}`, `class "QT" is not RT or BT`},
		{`{"time":"yesterday"}`, `time "yesterday" is not RFC 3339: want one such as 2026-08-01T12:00:00.5Z`},
		{`{"value":[1]}`, "value [1]: want a number, a boolean or a string"},
		{`{"topic"`, "message is not JSON: it ends too soon, at byte 8"},
	} {
		var m Message
		if err := m.UnmarshalJSON([]byte(tt.text)); errText(err) != tt.err {
			t.Errorf("%s: got %v, want %s", tt.text, err, tt.err)
		}
	}
}

func TestUnmarshalPassesOverUnknownFields(t *testing.T) {
	t.Parallel()
	var got Message
	text := strings.Replace(readingJSON, `"topic"`, `"later":{"a":[1]},"topic"`, 1)
	if err := json.Unmarshal([]byte(text), &got); err != nil || got != reading() {
		t.Errorf("got %+v, %v", got, err)
	}
}

func FuzzDecodeMessage(f *testing.F) {
	for _, seed := range []string{
		readingJSON, `{}`, `{"topic":"a","value":1}`, `{"topic":"a","value":1.5,"class":"bt"}`, `{"topic":"a","value":null,"type":"float"}`,
		`{"topic":"a","value":"\ud800","unit":"\u0000"}`, `{"topic":"a","type":"bytes","value":"AP8B"}`,
		`{"topic":"a","value":1,"time":"2026-08-01T12:00:00+02:00"}`, `{"value":1e400}`, `[1]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := DecodeMessage(text)
		if err != nil {
			return
		}
		if m.Quality == "" {
			m.Quality = Good
		}
		var again Message
		if err := again.UnmarshalJSON(m.AppendJSON(nil)); err != nil || again != m {
			t.Errorf("%s reads as %+v, then as %+v, %v", text, m, again, err)
		}
		if m.Namespace, m.Device, m.Class, m.Time = "n", "d", RT, reading().Time; m.Size() > MaxMessage {
			return
		}
		if err := m.Validate(); err != nil {
			t.Errorf("%s passes, but is not valid: %v", text, err)
		}
	})
}

func BenchmarkMessageAppendJSON(b *testing.B) {
	m := reading()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = m.AppendJSON(dst[:0])
	}
}
