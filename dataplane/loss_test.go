package dataplane

import (
	"encoding/json"
	"testing"
)

func TestLoss(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		loss Loss
		want string
	}{
		{
			"of a series",
			Loss{
				Publisher: "edge-1/mapper", Namespace: "plant", Topic: "sensor/temperature", Device: "boiler-1",
				From: 42, To: 53, Count: 12, Reason: `the "edge" <was> full`,
			},
			`{"event":"lost","publisher":"edge-1/mapper","topic":"sensor/temperature","device":"boiler-1",` +
				`"from":42,"to":53,"count":12,"reason":"the \"edge\" <was> full"}`,
		},
		{
			"of nobody knows what",
			Loss{Publisher: "edge-1/mapper", Namespace: "default", From: 1, To: 18446744073709551615, Count: 7},
			`{"event":"lost","publisher":"edge-1/mapper","topic":"","device":"","from":1,"to":18446744073709551615,"count":7,"reason":""}`,
		},
		{
			"of nobody knows how much",
			Loss{Publisher: "edge-1/mapper", Namespace: "default", From: 43, Reason: "power was lost"},
			`{"event":"lost","publisher":"edge-1/mapper","topic":"","device":"","from":43,"reason":"power was lost"}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sent := Message{Topic: GapTopic, Namespace: tt.loss.Namespace, Device: "d", Value: tt.loss.Value()}
			if got := sent.Value.String(); got != tt.want {
				t.Errorf("value\n%s, want\n%s", got, tt.want)
			}
			line, err := json.Marshal(sent)
			if err != nil {
				t.Fatal(err)
			}
			var came Message
			if err := json.Unmarshal(line, &came); err != nil {
				t.Fatal(err)
			}
			if got, ok := came.Loss(); !ok || got != tt.loss {
				t.Errorf("read as %+v, %t, want %+v", got, ok, tt.loss)
			}
		})
	}
}

func TestNoLoss(t *testing.T) {
	t.Parallel()
	loss := Loss{Publisher: "edge-1/mapper"}
	for name, m := range map[string]Message{
		"another topic": {Topic: "$events/node", Value: loss.Value()},
		"a number":      {Topic: GapTopic, Value: IntValue(1)},
		"no JSON":       {Topic: GapTopic, Value: StringValue("x")},
		"another event": {Topic: GapTopic, Value: StringValue(`{"event":"trimmed","from":1}`)},
	} {
		if got, ok := m.Loss(); ok {
			t.Errorf("%s: read as %+v", name, got)
		}
	}
}
