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

// What a client leaves to the server must survive the way there.
func TestZeroMessageJSONRoundTrip(t *testing.T) {
	t.Parallel()
	want := `{"id":"","topic":"","namespace":"","device":"","property":"","class":"","type":"","value":null,"unit":"","time":"0001-01-01T00:00:00Z","node":"","seq":0,"quality":"good"}`
	var zero Message
	line := zero.AppendJSON(nil)
	if string(line) != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	zero.Quality = Good
	if got, err := DecodeMessage(line); err != nil || got != zero {
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
		`{"value":null}`:                             {},
		`{}`:                                         {},
		` {"topic":null,"class":null,"time":null}` + "\n": {},
	} {
		if got, err := DecodeMessage([]byte(text)); err != nil || got.Value != want {
			t.Errorf("%s: %#v, %v, want %#v", text, got.Value, err, want)
		}
	}
}

func TestDecodeMessageErrors(t *testing.T) {
	t.Parallel()
	const seq, whole = "want a whole number from 0 to 2^64-1", "want a whole number from -2^63 to 2^64-1 for type int"
	for _, tt := range []struct{ text, err string }{
		{``, "message is empty: want a JSON object"},
		{`{"topic":"a"`, "message is not JSON: unexpected EOF"},
		{`{topic}`, "message is not JSON: invalid character 't' looking for beginning of object key string"},
		{`[]`, "message is a JSON array: want an object"},
		{`"x"`, "message is a JSON string: want an object"},
		{`{} {}`, "message has more behind its end, at byte 4: want one JSON object"},
		{`{"topic":"a"}x`, "message has more behind its end, at byte 13: want one JSON object"},
		{`{"tpoic":"a"}`, `message has no field "tpoic"`},
		{`{"topic":1}`, "topic is a JSON number: want a string"},
		{`{"quality":true}`, "quality is a JSON bool: want a string"},
		{`{"class":1}`, "class is a JSON number: want a string"},
		{`{"class":"QT"}`, `class "QT" is not RT or BT`},
		{`{"seq":"1"}`, "seq is a JSON string: " + seq},
		{`{"seq":-1}`, "seq is a JSON number -1: " + seq},
		{`{"seq":1.5}`, "seq is a JSON number 1.5: " + seq},
		{`{"id":"x"}`, `id "x" is not <node>/<mapper>/<class>/<epoch>/<seq>`},
		{`{"time":"yesterday"}`, `time "yesterday" is not RFC 3339: want one such as 2026-08-01T12:00:00.5Z`},
		{`{"time":"9999-12-31T23:59:59-01:00"}`, "time is in the year 10000: want 1678 to 2261"},
		{`{"time":1785585600}`, "time is a JSON number: want a string"},
		{`{"type":"INT","value":1}`, `type "INT" is not one of int, float, double, boolean, string, bytes`},
		{`{"type":"int"}`, "value is missing: want one for type int"},
		{`{"type":"double"}`, "value is missing: want one for type double"},
		{`{"type":"int","value":null}`, "value null: " + whole},
		{`{"type":"int","value":1.5}`, "value 1.5: " + whole},
		{`{"value":18446744073709551616}`, "value 18446744073709551616: " + whole},
		{`{"value":-9223372036854775809}`, "value -9223372036854775809: " + whole},
		{`{"type":"float","value":1e39}`, "value 1e39: want a number within the range of type float"},
		{`{"value":1e999}`, "value 1e999: want a number within the range of type double"},
		{`{"type":"double","value":"1"}`, `value "1": want a number for type double`},
		{`{"type":"boolean","value":1}`, "value 1: want true or false for type boolean"},
		{`{"type":"boolean","value":null}`, "value null: want true or false for type boolean"},
		{`{"type":"string","value":1}`, "value 1: want a JSON string for type string"},
		{`{"type":"string","value":null}`, "value null: want a JSON string for type string"},
		{`{"type":"bytes","value":"%"}`, `value "%": want base64 (RFC 4648, section 4) for type bytes`},
		{`{"value":{"a":1}}`, `value {"a":1}: want a number, a boolean or a string`},
		{`{"value":[1]}`, "value [1]: want a number, a boolean or a string"},
	} {
		if got, err := DecodeMessage([]byte(tt.text)); errText(err) != tt.err || got != (Message{}) {
			t.Errorf("%s:\ngot  %v, %+v\nwant %s", tt.text, err, got, tt.err)
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
		readingJSON, `{}`, `{"value":1}`, `{"value":1.5,"class":"bt"}`, `{"value":null,"type":"float"}`, `{"value":"\ud800","unit":"\u0000"}`,
		`{"type":"bytes","value":"AP8B"}`, `{"time":"2026-08-01T12:00:00+02:00"}`, `{"value":1e400}`, `[1]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := DecodeMessage(text)
		if err != nil {
			return
		}
		again, err := DecodeMessage(m.AppendJSON(nil))
		if m.Quality == "" {
			m.Quality = Good
		}
		if err != nil || again != m {
			t.Errorf("%s reads as %+v, then as %+v, %v", text, m, again, err)
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
