package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"datastub/cloudsvc/client"
	"datastub/cloudsvc/client/clienttest"
	"datastub/dataplane"
)

// event is a message of 100 bytes that was read at the edge some time before
// it came.
func event(topic, node string, seq uint64, v dataplane.Value, unit string, now time.Time, latency time.Duration) *client.Event {
	return &client.Event{
		Message: dataplane.Message{
			ID: dataplane.ID{Publisher: node + "/mapper"}, Topic: topic, Node: node, Device: "d", Seq: seq,
			Value: v, Unit: unit, Time: now.Add(-latency),
		},
		JSON: make([]byte, 100),
	}
}

func TestRates(t *testing.T) {
	begin := clienttest.Time
	s := newFlows(begin)
	for i := range 2000 { // more than samples are kept
		s.add(event("sensor/temperature", "edge-1", uint64(i+1), dataplane.FloatValue(21.5), "°C", begin, time.Duration(i)*time.Millisecond), begin)
	}
	s.add(event("sensor/label", "edge-2", 1, dataplane.StringValue("\x1b[2J"), "", begin, -3*time.Millisecond), begin.Add(time.Second))
	s.add(event("sensor/label", "edge-2", 9, dataplane.StringValue(strings.Repeat("é", maxText+1)), "", begin, time.Minute), begin.Add(time.Second))
	s.add(event("a", "http", 0, dataplane.BooleanValue(true), "", begin, 0), begin.Add(1500*time.Millisecond))
	r := s.next(begin.Add(2 * time.Second))
	var table bytes.Buffer
	if err := formatTable.print(&table, r, func(w io.Writer) { r.rows(w, 2) }); err != nil {
		t.Fatal(err)
	}
	want := "TOPIC               NODE    MSG/S  BYTES      P50    P99   MISSING  LOST  AGE  VALUE\n" +
		"sensor/temperature  edge-1  1000   100.0kB/s  1.5s   2s    0        0     2s   21.5 °C\n" +
		"sensor/label        edge-2  1.0    100B/s     997ms  1m1s  7        0     1s   " + strings.Repeat("é", maxText) + "…\n" +
		"and 1 more\n"
	if got := table.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := r.headline(), r.Time.Local().Format(time.TimeOnly)+"  1002 messages/s  100.2kB/s  missing: 7  lost: 0  flows: 3"; got != want {
		t.Errorf("headline %q, want %q", got, want)
	}
	s.add(event("a", "http", 0, dataplane.FloatValue(20), "K", begin, 1234567*time.Nanosecond), begin)
	r = s.next(begin.Add(3 * time.Second))
	got, err := json.Marshal(r.Flows[0])
	if want := `{"topic":"a","node":"http","messages":1,"messagesPerSecond":1,"bytesPerSecond":100,"latencyP50Seconds":0.001235,` +
		`"latencyP99Seconds":0.001235,"missing":0,"lost":0,"ageSeconds":3,"value":20.0,"unit":"K"}`; err != nil || string(got) != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
	if r.Flows[1].Messages != 0 || r.Flows[1].P50 != nil || r.Total.Missing != 7 {
		t.Errorf("the second interval: %+v", r)
	}
}

// A gap is counted where something was lost, and is no value.
func TestRatesOfGaps(t *testing.T) {
	now := clienttest.Time
	s := newFlows(now)
	s.add(event("a", "edge-1", 1, dataplane.IntValue(5), "", now, 0), now)
	for _, loss := range []dataplane.Loss{
		{Publisher: "edge-1/mapper", Topic: "a", Device: "d", From: 2, To: 11, Count: 10},
		{Publisher: "edge-1/mapper", Topic: "b", Device: "d", From: 1, To: 1, Count: 1}, // nothing came of it yet
		{Publisher: "edge-1/mapper", From: 1, To: 3, Count: 3},                          // nobody knows of what
	} {
		e := event(dataplane.GapTopic, "edge-1", 0, loss.Value(), "", now, 0)
		e.ID.Seq, e.ID.Through = loss.From, loss.To
		s.add(e, now)
	}
	s.add(event("a", "edge-1", 15, dataplane.IntValue(6), "", now, 0), now)
	r := s.next(now.Add(time.Second))
	got, err := json.Marshal([]rate{r.Total, r.Flows[0], r.Flows[1]})
	want := `[{"messages":2,"messagesPerSecond":2,"bytesPerSecond":200,"latencyP50Seconds":0,"latencyP99Seconds":0,"missing":3,"lost":11,"ageSeconds":1},` +
		`{"topic":"a","node":"edge-1","messages":2,"messagesPerSecond":2,"bytesPerSecond":200,"latencyP50Seconds":0,"latencyP99Seconds":0,"missing":3,"lost":10,"ageSeconds":1,"value":6},` +
		`{"topic":"b","node":"edge-1","messages":0,"messagesPerSecond":0,"bytesPerSecond":0,"missing":0,"lost":1,"value":null}]`
	if err != nil || string(got) != want || len(r.Flows) != 2 {
		t.Errorf("%v, got\n%s, want\n%s", err, got, want)
	}
}

func TestFlowsAreBounded(t *testing.T) {
	now := clienttest.Time
	s := newFlows(now)
	for i := range maxFlows + 10 {
		s.add(event(fmt.Sprint("t", i), "edge-1", 1, dataplane.IntValue(1), "", now, 0), now)
	}
	r := s.next(now.Add(time.Second))
	if len(r.Flows) != maxFlows || r.Others == nil || r.Others.Messages != 10 || r.Total.Messages != maxFlows+10 {
		t.Errorf("%d flows, others %+v, total %+v", len(r.Flows), r.Others, r.Total)
	}
	var table bytes.Buffer
	if err := formatTable.print(&table, r, func(w io.Writer) { r.rows(w, 1) }); err != nil || !strings.Contains(table.String(), "\n(others)  -       10.0") {
		t.Errorf("%v\n%s", err, &table)
	}
	s.add(event("t0", "edge-1", 2, dataplane.IntValue(1), "", now, 0), now)
	if r := s.next(now.Add(2 * time.Second)); len(r.Flows) != maxFlows {
		t.Errorf("got %d flows, want %d", len(r.Flows), maxFlows)
	}
	s.add(event("new", "edge-1", 1, dataplane.IntValue(1), "", now, 0), now)
	if r := s.next(now.Add(3 * time.Second)); len(r.Flows) != 2 {
		t.Errorf("got %d flows where all but one were silent, want 2", len(r.Flows))
	}
}

func TestTexts(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1234 * time.Nanosecond: "0s", 345_678: "350µs", 1_234_567: "1.23ms", 12_345_678: "12ms",
		1_234_567_890: "1.2s", 3_723_400_000_000: "1h2m3s", -3 * time.Millisecond: "-3ms",
	} {
		if got := new(seconds(d)).text(); got != want {
			t.Errorf("%d ns: got %s, want %s", d, got, want)
		}
	}
	for n, want := range map[float64]string{0: "0B/s", 999: "999B/s", 1000: "1.0kB/s", 1_234_567: "1.2MB/s", 2e18: "2.0EB/s", 1e30: "1000000000000.0EB/s"} {
		if got := bytesText(n); got != want {
			t.Errorf("%g bytes: got %s, want %s", n, got, want)
		}
	}
}
