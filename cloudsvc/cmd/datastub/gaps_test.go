package main

import (
	"strings"
	"testing"
	"time"

	"datastub/cloudsvc"
	"datastub/cloudsvc/client/clienttest"
	"datastub/dataplane"
)

// lostGap is a gap of so many messages of a topic, or, for "", of nobody knows
// which.
func lostGap(topic string, count uint64) cloudsvc.Gap {
	g := cloudsvc.Gap{
		ID: dataplane.ID{Publisher: "edge-1/mapper", Class: dataplane.RT, Epoch: 7, Seq: 42, Through: 41 + count, Line: 1},
		Loss: dataplane.Loss{
			Publisher: "edge-1/mapper", Namespace: "default", Topic: topic, Device: "boiler-1",
			From: 42, To: 41 + count, Count: count, Reason: "the edge's memory\x1b was full",
		},
		Time: clienttest.Time,
	}
	if topic == "" {
		g.Device = ""
	}
	return g
}

// openGap is one of nobody knows how many messages.
func openGap() cloudsvc.Gap {
	g := lostGap("", 1)
	g.ID.Through, g.To, g.Count, g.Reason = dataplane.Open, 0, 0, "power was lost"
	return g
}

func TestGaps(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	if status, out, stderr := runTo(t, server.URL, "", "gaps"); status != 0 || out != "" || stderr != "datastub: nothing is known to be lost\n" {
		t.Errorf("none: status %d, %q, %q", status, out, stderr)
	}
	server.Lose(lostGap("sensor/temperature", 12), lostGap("", 3), openGap())
	at := clienttest.Time.Local().Format(time.DateTime)
	status, out, stderr := runTo(t, server.URL, "", "gaps", "sensor/#", "--publisher", "edge-1/mapper", "--since", "1h")
	want := "TIME                 CLASS  PUBLISHER      LOST  FROM  TO  ADDRESS                              REASON\n" +
		at + "  RT     edge-1/mapper  12    42    53  default/sensor/temperature/boiler-1  the edge's memory\ufffd was full\n" +
		at + "  RT     edge-1/mapper  3     42    44  (any)                                the edge's memory\ufffd was full\n" +
		at + "  RT     edge-1/mapper  ?     42    ?   (any)                                power was lost\n"
	if status != 0 || out != want || stderr != "" {
		t.Errorf("status %d, %s\n%s\nwant\n%s", status, stderr, out, want)
	}
	status, out, stderr = runTo(t, server.URL, "", "gaps", "--limit", "1", "-o", "json")
	if status != 0 || strings.Count(out, `"id":"edge-1/mapper/RT/7/42-53.1"`) != 1 || stderr != "datastub: 2 more: see --limit\n" {
		t.Errorf("json: status %d, %s\n%s", status, stderr, out)
	}
}

func TestGapsRefuses(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	for args, want := range map[string]string{
		"gaps --publisher m":  `--publisher: publisher "m" is not <node>/<mapper>`,
		"gaps --limit -1":     "--limit -1: want 0, for 100, or more",
		"gaps --since soon":   `--since "soon": want a time that is past, such as 90s, 24h or 7d, or RFC 3339, such as 2026-08-01T12:00:00Z`,
		"gaps --since -1h":    `--since "-1h": want a time`,
		"gaps --since=":       `--since "": want a time`,
		"gaps a b":            "2 arguments: want one TOPIC",
		"gaps --limit 10001":  `limit "10001": want a number from 1 to 10000`,
		"gaps a//b --limit 1": `filter "a//b" has an empty level`,
	} {
		if status, _, stderr := runTo(t, server.URL, "", strings.Fields(args)...); status == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: status %d, %q, want %q", args, status, stderr, want)
		}
	}
}

func TestParseSince(t *testing.T) {
	now := clienttest.Time
	for text, want := range map[string]time.Time{
		"90s": now.Add(-90 * time.Second), "7d": now.Add(-7 * 24 * time.Hour), "0s": now, "2026-08-01T12:00:00.5+02:00": time.Date(2026, 8, 1, 10, 0, 0, 5e8, time.UTC),
	} {
		if got, err := parseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
}

// A gap is shown in its place, for what it is, and summed up at the end.
func TestSubscribeShowsGaps(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	text := start(t, server.URL, "", "subscribe", "sensor/#", "--count", "5")
	text.err.await(t, "datastub: subscribed to ")
	publish := func() {
		t.Helper()
		if status, _, stderr := runTo(t, server.URL, "", "publish", "sensor/temperature", "21.3", "--class", "RT"); status != 0 {
			t.Fatal(stderr)
		}
	}
	publish()
	server.Lose(lostGap("sensor/temperature", 12), lostGap("other", 1), lostGap("", 3), openGap())
	publish()
	if status := <-text.status; status != 0 {
		t.Errorf("status %d", status)
	}
	at := clienttest.Time.Local().Format("15:04:05.000")
	want := at + "  RT  default/sensor/temperature/http  21.3\n" +
		at + "  RT  default/sensor/temperature/boiler-1  lost 12, seq 42 to 53: the edge's memory\ufffd was full\n" +
		at + "  RT  edge-1/mapper                        lost 3, of any topic, ids 42 to 44: the edge's memory\ufffd was full\n" +
		at + "  RT  edge-1/mapper                        lost nobody knows how many, of any topic, ids from 42 on: power was lost\n" +
		at + "  RT  default/sensor/temperature/http      21.3\n"
	if got := text.out.String(); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	if got := text.err.String(); !strings.HasSuffix(got, "datastub: 15 messages were lost for good, in 2 gaps\ndatastub: nobody knows how many messages were lost in 1 more\n") {
		t.Errorf("said %q", got)
	}
}
