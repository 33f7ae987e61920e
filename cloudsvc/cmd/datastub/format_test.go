package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestFormat(t *testing.T) {
	value := json.RawMessage(`{"name":"on","seq":18446744073709551615,"value":20.0,"big":1e21,"null":null,"true":true,` +
		`"odd":"<a&b>\u007f\u0085\u2028 é 😀\n","007":"007","":"","list":[1,{"a":[],"b":{}}],"empty":[]}`)
	rows := func(w io.Writer) {
		fmt.Fprint(w, "A\tB\nlonger\tx\n")
	}
	for format, want := range map[format]string{
		formatTable: "A       B\nlonger  x\n",
		formatJSON:  string(value) + "\n",
		formatYAML: `---
name: "on"
seq: 18446744073709551615
value: 20.0
big: 1e21
"null": null
"true": true
odd: "<a&b>\x7F\N\L é \U0001F600\n"
"007": "007"
"": ""
list:
    - 1
    - a: []
      b: {}
empty: []
`,
	} {
		var got bytes.Buffer
		if err := format.print(&got, value, rows); err != nil || got.String() != want {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", format, err, &got, want)
		}
		if format != formatYAML {
			continue
		}
		var fromYAML, fromJSON any
		if err := yaml.Unmarshal(got.Bytes(), &fromYAML); err != nil {
			t.Error(err)
		}
		if err := json.Unmarshal(value, &fromJSON); err != nil || !reflect.DeepEqual(fromYAML, fromJSON) {
			t.Errorf("read back, %v:\n%v\nwant\n%v", err, fromYAML, fromJSON)
		}
	}
}
