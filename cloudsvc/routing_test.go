package cloudsvc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"datastub/dataplane"
)

// gapFrame is a GAP for records from to to, of series that are named by their
// topics; each lost one record, its number 7.
func gapFrame(from, to uint64, topics ...string) *dataplane.Gap {
	f := &dataplane.Gap{Lane: dataplane.RT, Epoch: 1, From: from, To: to, Reason: "full"}
	for _, topic := range topics {
		f.Series = append(f.Series, dataplane.SeriesRange{
			Namespace: "default", Topic: topic, Device: "d", First: 7, Last: 7, Count: 1,
		})
	}
	return f
}

func gapsBefore(before int, f *dataplane.Gap) (all []BlockGap) {
	for _, g := range gapsOf("edge-1/mapper", dataplane.RT, f, testTime) {
		all = append(all, BlockGap{g, before})
	}
	return all
}

// brief writes lines as their topics, and gaps as the topics that lost
// something in brackets, each with its index in the block.
func brief(t *testing.T, lines []string) string {
	t.Helper()
	var all []string
	for _, line := range lines {
		var m dataplane.Message
		var at struct{ Position string }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if err := json.Unmarshal([]byte(line), &at); err != nil {
			t.Fatal(err)
		}
		p, err := ParsePosition(at.Position)
		if err != nil {
			t.Fatal(err)
		}
		what := m.Topic
		if loss, is := m.Loss(); is {
			what = "[" + loss.Topic + "]"
		}
		all = append(all, fmt.Sprintf("%s@%d", what, p.RT.Index))
	}
	return strings.Join(all, " ")
}

// TestGapsAreRouted has each gap in its place among the messages, at whom it
// concerns and once.
func TestGapsAreRouted(t *testing.T) {
	t.Parallel()
	block := []dataplane.Message{testMessage("a/1"), testMessage("b"), testMessage("$events/node"), testMessage("a/1")}
	tests := map[string]struct {
		gaps []BlockGap
		want map[string]string // by filter
	}{
		"one series, between two": {gapsBefore(1, gapFrame(2, 2, "a/1")), map[string]string{
			"#": "a/1@0 [a/1]@1 b@2 a/1@4", "a/+": "a/1@0 [a/1]@1 a/1@4", "a/2": "", "b": "b@2",
			"$events/#": "[a/1]@1 $events/node@3", "$events/gap": "[a/1]@1", "$events/node": "$events/node@3", "$other/#": "",
		}},
		"several series, first": {gapsBefore(0, gapFrame(1, 3, "a/1", "b", "c")), map[string]string{
			"#": "[a/1]@0 [b]@1 [c]@2 a/1@3 b@4 a/1@6", "b": "[b]@1 b@4", "a/#": "[a/1]@0 a/1@3 a/1@6", "c": "[c]@2",
			"$events/gap": "[a/1]@0 [b]@1 [c]@2",
		}},
		"last": {gapsBefore(4, gapFrame(5, 5, "b")), map[string]string{"#": "a/1@0 b@1 a/1@3 [b]@4", "b": "b@1 [b]@4", "a/1": "a/1@0 a/1@3"}},
		"two in one place": {slices.Concat(gapsBefore(2, gapFrame(3, 3, "b")), gapsBefore(2, gapFrame(9, 9, "a/1"))), map[string]string{
			"#": "a/1@0 b@1 [b]@2 [a/1]@3 a/1@5", "a/1": "a/1@0 [a/1]@3 a/1@5",
		}},
		"series not known": {gapsBefore(1, gapFrame(2, 9)), map[string]string{
			"#": "a/1@0 []@1 b@2 a/1@4", "never/heard/of": "[]@1", "$events/#": "[]@1 $events/node@3", "$events/node": "[]@1 $events/node@3",
		}},
		"an event was lost": {gapsBefore(2, gapFrame(3, 3, "$events/node")), map[string]string{
			"#": "a/1@0 b@1 a/1@4", "$events/node": "[$events/node]@2 $events/node@3", "$events/gap": "[$events/node]@2",
			"$events/+": "[$events/node]@2 $events/node@3",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newTestDispatcher()
			got := make(map[string]*Subscription)
			for filter := range tt.want {
				got[filter] = subscribeTo(t, d, filter)
			}
			d.Deliver(dataplane.RT, 3, block, tt.gaps)
			messages := 0
			for filter, want := range tt.want {
				if got := brief(t, takeLines(t, got[filter])); got != want {
					t.Errorf("%s: got %q, want %q", filter, got, want)
				}
				messages += len(strings.Fields(want)) - strings.Count(want, "[")
			}
			if got := testutil.ToFloat64(d.metrics.delivered); got != float64(messages) {
				t.Errorf("delivered messages: got %v, want %d", got, messages)
			}
		})
	}
}

// TestGapAlone routes a block that has nothing but gaps, more than one chunk.
func TestGapAlone(t *testing.T) {
	t.Parallel()
	var topics, want []string
	for n := range 2*deliverChunk + 3 {
		topics = append(topics, fmt.Sprint("t/", n))
		want = append(want, fmt.Sprintf("[t/%d]@%d", n, n))
	}
	d := newTestDispatcher()
	all, one := subscribeTo(t, d, "#"), subscribeTo(t, d, "t/300")
	d.Deliver(dataplane.RT, 1, nil, gapsBefore(0, gapFrame(1, 1000, topics...)))
	if got := brief(t, takeLines(t, all)); got != strings.Join(want, " ") {
		t.Errorf("got %s", got)
	}
	if got := brief(t, takeLines(t, one)); got != "[t/300]@300" {
		t.Errorf("of one series: got %s", got)
	}
}

func TestGapLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		gap  *dataplane.Gap
		want string
	}{
		{"series", gapFrame(4, 9, "a", "b/c"), `{"id":"edge-1/mapper/RT/1/4-9.2","topic":"$events/gap","namespace":"default","device":"d","property":"",` +
			`"class":"RT","type":"string","value":"{\"event\":\"lost\",\"publisher\":\"edge-1/mapper\",\"topic\":\"b/c\",\"device\":\"d\",` +
			`\"from\":7,\"to\":7,\"count\":1,\"reason\":\"full\"}","unit":"","time":"2026-08-01T12:00:00Z","node":"edge-1","seq":0,"quality":"good"}`},
		{"not known", gapFrame(4, 9), `{"id":"edge-1/mapper/RT/1/4-9.1","topic":"$events/gap","namespace":"default","device":"edge-1%2Fmapper","property":"",` +
			`"class":"RT","type":"string","value":"{\"event\":\"lost\",\"publisher\":\"edge-1/mapper\",\"topic\":\"\",\"device\":\"\",` +
			`\"from\":4,\"to\":9,\"count\":6,\"reason\":\"full\"}","unit":"","time":"2026-08-01T12:00:00Z","node":"edge-1","seq":0,"quality":"good"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			gaps := gapsOf("edge-1/mapper", dataplane.RT, tt.gap, testTime)
			m := gaps[len(gaps)-1].message()
			if got := string(m.AppendJSON(nil)); got != tt.want {
				t.Errorf("got\n%s, want\n%s", got, tt.want)
			}
		})
	}
}
