package cloudsvc

import (
	"bytes"
	"encoding/json"
	"testing"
)

// TestMergePatch has the examples of RFC 7386, appendix A, as far as both are
// objects, but for what is taken away, which is null.
func TestMergePatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ target, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"b":"c","a":"b"}`},
		{`{"a":"b"}`, `{"a":null}`, `{"a":null}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"a":null,"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d","c":null}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{"ccc":null}}}`},
		{`{"a":{"b":1,"c":2}}`, ` { "a" : {"c":3} } `, `{"a":{"c":3,"b":1}}`},
		{`{"a":1}`, `{"a":2,"a":3}`, `{"a":2,"a":3}`},
		{`{"a":1}`, `{}`, `{"a":1}`},
		{`{"é\"":1}`, `{"é\"":2}`, `{"é\"":2}`},
	} {
		got := mergePatch(json.RawMessage(test.target), json.RawMessage(test.patch))
		var compact bytes.Buffer
		if err := json.Compact(&compact, got); err != nil || compact.String() != test.want {
			t.Errorf("%s with %s: %s (%v), want %s", test.target, test.patch, got, err, test.want)
		}
	}
}
