package dataplane

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestMessageReaderTellsOtherFields(t *testing.T) {
	t.Parallel()
	var r MessageReader
	for range 2 { // the second time its texts are known
		var got Message
		others := make(map[string]string)
		text := strings.Replace(readingJSON, "{", ` { "position" : "AQ\u0041" , "l\u0061ter":{"a":["}\"",{}]},`, 1)
		err := r.Read([]byte(text), &got, func(field string, value []byte) { others[field] = string(value) })
		if err != nil || got != reading() {
			t.Errorf("got %+v, %v", got, err)
		}
		want := map[string]string{"position": `"AQ\u0041"`, "later": `{"a":["}\"",{}]}`}
		if !maps.Equal(others, want) {
			t.Errorf("other fields: got %q, want %q", others, want)
		}
	}
}

// TestMessageReaderForgets reads more texts than are kept.
func TestMessageReaderForgets(t *testing.T) {
	t.Parallel()
	var r MessageReader
	for n := range 3 * keptTexts {
		want := Message{Topic: fmt.Sprint("topic/", n), Value: IntValue(1)}
		var got Message
		if err := r.Read(want.AppendJSON(nil), &got, nil); err != nil || got.Topic != want.Topic {
			t.Fatalf("got %q, %v, want %q", got.Topic, err, want.Topic)
		}
		if len(r.texts) > keptTexts+len(userFields) {
			t.Fatalf("%d texts are kept, want at most about %d", len(r.texts), keptTexts)
		}
	}
}

// FuzzJSONScanner holds the scanner to encoding/json: it takes the same
// objects, and finds the same fields in them.
func FuzzJSONScanner(f *testing.F) {
	for _, seed := range []string{
		readingJSON, `{}`, ` { } `, `{"a":1,}`, `{"a":1}x`, `{"a" :-0.5e+7 , "b":[1,{"c":"]"}],"":null}`, `[]`, `"x"`, ``, `{"\u0061":"\ud800"}`,
		`{"a":"\x"}`, "{\"a\":\"\x00\"}", "{\"a\":\"\xff\"}", `{"é":"🌡\""}`, `{"a":tru}`, `{"a":01}`, `{"a":"}`, `{"a":[}`, `{"a":1 2}`, `{"a"1}`, `{a:1}`, `{"a":"\`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want map[string]json.RawMessage
		isObject := json.Unmarshal(data, &want) == nil && want != nil
		got := make(map[string]json.RawMessage)
		s := jsonScanner{data: data}
		for s.field() {
			got[string(s.key)] = slices.Clone(s.value)
		}
		if s.whole != isObject {
			t.Fatalf("%q: taken for an object: %v, want %v", data, s.whole, isObject)
		}
		if s.whole && !maps.EqualFunc(got, want, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
			t.Errorf("%q: fields: got %q, want %q", data, got, want)
		}
	})
}

func BenchmarkMessageReader(b *testing.B) {
	m := reading()
	line := m.AppendJSON(nil)
	var r MessageReader
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Read(line, &m, nil); err != nil {
			b.Fatal(err)
		}
	}
}
