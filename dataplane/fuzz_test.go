package dataplane

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// checkRefusal holds an error to one line, which a log and a problem can show.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	if text := err.Error(); text == "" || strings.ContainsAny(text, "\r\n\x00") {
		t.Errorf("the refusal %q is not one line", text)
	}
}

func FuzzParseID(f *testing.F) {
	for _, seed := range []string{"", "edge-1/mapper/RT/7/42", "edge-1/mapper/RT/7/42-49.1", "a/b/rt/1/1", "a/b/BT/01/1", "http/x/BT/0/18446744073709551616", "a//RT/1/1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseID(text)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if id.String() != text {
			t.Errorf("%q reads as %+v, which is written %q", text, id, id)
		}
	})
}

// FuzzTopic: a topic is a filter that selects itself, its levels are names,
// and any text can be made one.
func FuzzTopic(f *testing.F) {
	for _, seed := range []string{"", "sensor/temperature", "a//b", "../a", "a/+", "#", "$events/x", "a\x00b", "a b", "\xff", strings.Repeat("x", 257)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if escaped := EscapeLevel(text); text != "" && len(escaped) <= MaxTopic {
			if err := ValidateLevel("level", escaped); err != nil {
				t.Errorf("%q is escaped as %q: %v", text, escaped, err)
			}
		}
		if err := ValidateTopic(text); err != nil {
			checkRefusal(t, err)
			return
		}
		filter, err := ParseFilter(text)
		if err != nil || !filter.Match(text) {
			t.Errorf("the topic %q as a filter: %v", text, err)
		}
		for level := range strings.SplitSeq(strings.TrimPrefix(text, "$"), "/") {
			if strings.HasPrefix(level, "$") {
				continue // is refused at the beginning of a name only
			}
			if err := ValidateLevel("level", level); err != nil {
				t.Errorf("the topic %q has a level that is none: %v", text, err)
			}
		}
	})
}

// FuzzMessageJSON reads what a stream gives.
func FuzzMessageJSON(f *testing.F) {
	for _, seed := range []string{readingJSON, "{}", "null", `{"seq":-1}`, `{"id":"a/b/RT/1/1","later":[[{}]]}`, `{"type":"bytes","value":"AA=="}`, `{"time":"9999-12-31T23:59:59Z"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var m, again Message
		if err := json.Unmarshal(text, &m); err != nil {
			checkRefusal(t, err)
			return
		}
		if m.Quality == "" {
			m.Quality = Good
		}
		if err := json.Unmarshal(m.AppendJSON(nil), &again); err != nil || again != m {
			t.Errorf("%q reads as %+v, then as %+v, %v", text, m, again, err)
		}
	})
}

func FuzzReadObject(f *testing.F) {
	for _, seed := range []string{"", "{}", "[]", `{"topic":"a"}`, `{"topic":1,"topics":["a",2,null]}`, `{"Topic":"a","topic":"b","topic":"c"}`, `{"a":{"b":[]}} `, "{\"topic\":\"\xff\"}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := ReadObject("body", text, "topic", "topics")
		if err != nil {
			checkRefusal(t, err)
			if json.Valid(text) && kindOf(text) == "object" && !strings.Contains(err.Error(), "fields") && !strings.Contains(err.Error(), "UTF-8") {
				t.Errorf("%q is refused: %v", text, err)
			}
			return
		}
		topic, topics := o.Text("topic"), o.Texts("topics")
		if err := o.Err(); err != nil {
			for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
				var field *FieldError
				if checkRefusal(t, err); !errors.As(err, &field) {
					t.Errorf("%q: %v names no field", text, err)
				}
			}
			return
		}
		var want struct {
			Topic  string
			Topics []string
		}
		if err := json.Unmarshal(text, &want); err != nil || want.Topic != topic || len(want.Topics) != len(topics) {
			t.Errorf("%q: got %q and %q, want %+v, %v", text, topic, topics, want, err)
		}
	})
}
