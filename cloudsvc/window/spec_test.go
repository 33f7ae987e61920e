package window

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestParseSpec(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want Spec
	}{
		{`{"size":"5m","functions":["count","avg"]}`, Spec{5 * time.Minute, 5 * time.Minute, Namespace | Topic | Device, Count | Avg, 10 * time.Second, time.Hour}},
		{
			`{"size":"1h","slide":"10m","by":["node","property"],"functions":["last"],"lateness":"0s","idle":"0s"}`,
			Spec{time.Hour, 10 * time.Minute, Node | Property, Last, 0, 0},
		},
		{`{"size":"744h","by":[],"functions":["sum","sum"],"slide":null}`, Spec{maxSize, maxSize, 0, Sum, 10 * time.Second, maxSize + 10*time.Second}},
	} {
		got, err := ParseSpec([]byte(tt.text))
		if err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v", tt.text, got, err)
		}
		text, err := json.Marshal(got)
		var again Spec
		if err != nil || json.Unmarshal(text, &again) != nil || again != got {
			t.Errorf("%s: written as %s, %v: read as %+v", tt.text, text, err, again)
		}
	}
}

func TestParseSpecRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{`[]`, "window is a JSON array: want an object"},
		{`{"functions":["sum"]}`, "size 0s: want 1s to 744h0m0s"},
		{`{"size":"1 minute","functions":["sum"]}`, `size "1 minute": want a time with its unit, as 90s or 5m`},
		{`{"size":60,"functions":["sum"]}`, "size is a JSON number: want a string"},
		{`{"size":"745h","functions":["sum"]}`, "size 745h0m0s: want 1s to 744h0m0s"},
		{`{"size":"1m","slide":"7s","functions":["sum"]}`, "slide 7s: want 1s or more, of which the size 1m0s is a multiple"},
		{`{"size":"1m","slide":"2m","functions":["sum"]}`, "slide 2m0s: want 1s or more, of which the size 1m0s is a multiple"},
		{`{"size":"1h","slide":"1s","functions":["sum"]}`, "slide 1s: want 3.6s or more, as one message is in 1000 windows at most"},
		{`{"size":"1m"}`, "functions are none: want one or more of count, min, max, avg, sum, first, last"},
		{`{"size":"1m","functions":["sum","median"]}`, `functions[1] "median": want one of count, min, max, avg, sum, first, last`},
		{`{"size":"1m","functions":["sum"],"by":["tag"]}`, `by[0] "tag": want one of namespace, node, topic, device, property`},
		{`{"size":"1m","functions":["sum"],"lateness":"-1s"}`, "lateness -1s: want 0s to 744h0m0s"},
		{`{"size":"1m","functions":["sum"],"grace":"1s"}`, `"grace" is no known field`},
	} {
		if _, err := ParseSpec([]byte(tt.text)); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.text, err, tt.want)
		}
	}
}
