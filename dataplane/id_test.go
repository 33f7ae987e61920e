package dataplane

import (
	"math"
	"testing"
)

func TestID(t *testing.T) {
	t.Parallel()
	for text, id := range map[string]ID{
		"edge-1/mapper/RT/7/42":                    {Publisher: "edge-1/mapper", Class: RT, Epoch: 7, Seq: 42},
		"http/alice/BT/0/1":                        {Publisher: "http/alice", Class: BT, Epoch: 0, Seq: 1},
		"a/b/RT/1/18446744073709551615":            {Publisher: "a/b", Class: RT, Epoch: 1, Seq: math.MaxUint64},
		"n.example.com/modbus-mapper/BT/1700000/1": {Publisher: "n.example.com/modbus-mapper", Class: BT, Epoch: 1700000, Seq: 1},
		"edge-1/mapper/RT/7/42-49.1":               {Publisher: "edge-1/mapper", Class: RT, Epoch: 7, Seq: 42, Through: 49, Line: 1},
		"edge-1/mapper/BT/7/1-1.4294967295":        {Publisher: "edge-1/mapper", Class: BT, Epoch: 7, Seq: 1, Through: 1, Line: math.MaxUint32},
		"edge-1/mapper/RT/7/43-.1":                 {Publisher: "edge-1/mapper", Class: RT, Epoch: 7, Seq: 43, Through: Open, Line: 1},
	} {
		if got := id.String(); got != text {
			t.Errorf("%+v is written %q, want %q", id, got, text)
		}
		if got, err := ParseID(text); err != nil || got != id {
			t.Errorf("%q reads as %+v, %v, want %+v", text, got, err, id)
		}
	}
	if got := (ID{}).String(); got != "" {
		t.Errorf("the zero ID is written %q", got)
	}
}

func TestParseIDRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "a", "a/b/RT/1", "a/b/RT/1/2/3", "/b/RT/1/2", "a//RT/1/2", "a/b/XT/1/2", "a/b/RT/-1/2", "a/b/RT/1/x",
		"a/b/rt/1/2", "a/b/RT/01/2", "a/b/RT/1/+2", "a/b/RT/1/18446744073709551616", "a b/c/RT/1/2",
		"a/b/RT/1/5-4.1", "a/b/RT/1/5-6", "a/b/RT/1/5-6.", "a/b/RT/1/5-6.0", "a/b/RT/1/5-6.01", "a/b/RT/1/5-06.1", "a/b/RT/1/0-6.1",
		"a/b/RT/1/-6.1", "a/b/RT/1/5-6.4294967296", "a/b/RT/1/5.1", "a/b/RT/1-2.1/5", "5", "5-6.1", "-", "a/b/RT/1/5-18446744073709551615.1", "a/b/RT/1/0-.1", "a/b/RT/1/5-", "a/b/RT/1/5-.0",
	} {
		got, err := ParseID(text)
		want := `id "` + text + `" is not <node>/<mapper>/<class>/<epoch>/<seq>`
		if got != (ID{}) || errText(err) != want {
			t.Errorf("%q reads as %+v, %v, want %q", text, got, err, want)
		}
	}
}

func TestValidatePublisher(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, err string }{
		{"edge-1/mapper", ""},
		{"edge-1", `publisher "edge-1" is not <node>/<mapper>`},
		{"/mapper", "node is empty"},
		{"edge-1/", "mapper is empty"},
		{"a/b/c", `mapper "b/c" has a "/": it is one level of an address`},
	} {
		if got := errText(ValidatePublisher(tt.name)); got != tt.err {
			t.Errorf("%q: %q, want %q", tt.name, got, tt.err)
		}
	}
}
