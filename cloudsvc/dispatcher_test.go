package cloudsvc

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"datastub/dataplane"
)

func testMessage(topic string) dataplane.Message {
	return dataplane.Message{
		ID:    dataplane.ID{Publisher: "edge-1/mapper", Class: dataplane.RT, Epoch: 1, Seq: 1},
		Topic: topic, Namespace: "default", Device: "d", Class: dataplane.RT,
		Value: dataplane.IntValue(1), Time: testTime, Node: "edge-1", Seq: 1,
	}
}

func newTestDispatcher() *Dispatcher {
	return NewDispatcher(Position{Incarnation: 9}, NewMetrics(prometheus.NewRegistry()))
}

func subscribeTo(t *testing.T, d *Dispatcher, filter string) *Subscription {
	t.Helper()
	f, err := dataplane.ParseFilter(filter)
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Subscribe(f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// topics takes what is queued and returns its topics.
func topics(t *testing.T, s *Subscription) string {
	t.Helper()
	lines, err := s.take()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, line := range lines {
		var m dataplane.Message
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		names = append(names, m.Topic)
	}
	return strings.Join(names, " ")
}

func TestDispatcherRoutes(t *testing.T) {
	d := newTestDispatcher()
	want := map[string]string{"#": "a a/b c", "a/#": "a a/b", "+": "a c", "c": "c", "x": "", "$events/#": "$events/node"}
	subscriptions := make(map[string]*Subscription)
	for filter := range want {
		subscriptions[filter] = subscribeTo(t, d, filter)
	}
	d.Deliver(dataplane.RT, 1, []dataplane.Message{
		testMessage("a"), testMessage("a/b"), testMessage("$events/node"), testMessage("c"),
	})
	for filter, want := range want {
		if got := topics(t, subscriptions[filter]); got != want {
			t.Errorf("%s: got %q, want %q", filter, got, want)
		}
	}
}

func TestDispatcherPositions(t *testing.T) {
	d := newTestDispatcher()
	all := subscribeTo(t, d, "#")
	messages := make([]dataplane.Message, deliverChunk+2)
	for i := range messages {
		messages[i] = testMessage("a")
	}
	d.Deliver(dataplane.BT, 5, messages)
	d.Deliver(dataplane.RT, 3, messages[:1])
	lines, err := all.take()
	if err != nil || len(lines) != len(messages)+1 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	for i, want := range map[int]Position{
		0:                {Incarnation: 9, BT: Place{5, 0}},
		deliverChunk:     {Incarnation: 9, BT: Place{5, deliverChunk}},
		deliverChunk + 2: {Incarnation: 9, RT: Place{3, 0}, BT: Place{5, deliverChunk + 1}},
	} {
		if line := string(lines[i]); !strings.HasSuffix(line, `,"position":"`+want.String()+"\"}\n") {
			t.Errorf("line %d: %s, want position %+v", i, line, want)
		}
	}
	if late := subscribeTo(t, d, "#"); late.Position() != all.Position() {
		t.Errorf("a new subscription begins at %+v, want %+v", late.Position(), all.Position())
	}
}

func TestDispatcherCutsOffOnlyTheSlow(t *testing.T) {
	d := newTestDispatcher()
	slow, quick, other := subscribeTo(t, d, "#"), subscribeTo(t, d, "a"), subscribeTo(t, d, "b")
	m := testMessage("a")
	m.Value = dataplane.StringValue(strings.Repeat("x", 1000))
	taken := 0
	for block := uint64(1); block <= maxQueue/1000+10; block++ {
		d.Deliver(dataplane.RT, block, []dataplane.Message{m})
		lines, err := quick.take()
		if err != nil {
			t.Fatal(err)
		}
		taken += len(lines)
	}
	if taken != maxQueue/1000+10 {
		t.Errorf("the quick one got %d messages, want %d", taken, maxQueue/1000+10)
	}
	if got := testutil.ToFloat64(d.metrics.cutOff); got != 1 {
		t.Errorf("%v subscriptions were cut off, want 1", got)
	}
	if got := testutil.ToFloat64(d.metrics.subscriptions); got != 2 {
		t.Errorf("%v subscriptions are left, want 2", got)
	}
	d.Deliver(dataplane.RT, 9999, []dataplane.Message{testMessage("b")})
	if got := topics(t, other); got != "b" {
		t.Errorf("another one got %q", got)
	}
	lines, err := slow.Next(t.Context())
	if err != nil || len(lines) == 0 {
		t.Fatalf("what was queued before: %d lines, %v", len(lines), err)
	}
	_, err = slow.Next(t.Context())
	var cutOff *CutOffError
	if !errors.As(err, &cutOff) || !strings.Contains(cutOff.Reason, "too slow") ||
		!strings.Contains(string(lines[len(lines)-1]), cutOff.Position.String()) {
		t.Errorf("got %v, want a cut-off at the position of the last line", err)
	}
}

func TestDispatcherClose(t *testing.T) {
	d := newTestDispatcher()
	s := subscribeTo(t, d, "#")
	d.Deliver(dataplane.RT, 1, []dataplane.Message{testMessage("a")})
	d.Close()
	d.Close()
	d.Deliver(dataplane.RT, 2, []dataplane.Message{testMessage("b")})
	if got := topics(t, s); got != "a" {
		t.Errorf("got %q, want what came before Close", got)
	}
	var cutOff *CutOffError
	if _, err := s.Next(context.Background()); !errors.As(err, &cutOff) || cutOff.Reason != ErrClosed.Error() {
		t.Errorf("got %v, want %q", err, ErrClosed)
	}
	f, _ := dataplane.ParseFilter("#")
	if _, err := d.Subscribe(f); !errors.Is(err, ErrClosed) {
		t.Errorf("Subscribe: %v, want ErrClosed", err)
	}
}
