package cloudsvc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	return dispatcherOn(newMemoryLog(), Position{Incarnation: 9}, prometheus.NewRegistry())
}

func dispatcherOn(log Log, at Position, registry prometheus.Registerer) *Dispatcher {
	packer, err := dataplane.NewPacker()
	if err != nil {
		panic(err) // of options that are always the same
	}
	metrics := NewMetrics(registry)
	return NewDispatcher(at, NewHistory(log, packer, metrics), metrics)
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

// takeLines takes what is queued, line by line.
func takeLines(t *testing.T, s *Subscription) []string {
	t.Helper()
	queue, _, err := s.take()
	if err != nil {
		t.Fatal(err)
	}
	return splitLines(queue)
}

func splitLines(queue [][]byte) []string {
	return slices.Collect(strings.Lines(string(bytes.Join(queue, nil))))
}

// topics takes what is queued and returns its topics.
func topics(t *testing.T, s *Subscription) string {
	t.Helper()
	lines := takeLines(t, s)
	var names []string
	for _, line := range lines {
		var m dataplane.Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
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
	}, nil)
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
	d.Deliver(dataplane.BT, 5, messages, nil)
	d.Deliver(dataplane.RT, 3, messages[:1], nil)
	lines := takeLines(t, all)
	if len(lines) != len(messages)+1 {
		t.Fatalf("%d lines, want %d", len(lines), len(messages)+1)
	}
	for i, want := range map[int]Position{
		0:                {Incarnation: 9, BT: Place{5, 0}},
		deliverChunk:     {Incarnation: 9, BT: Place{5, deliverChunk}},
		deliverChunk + 2: {Incarnation: 9, RT: Place{3, 0}, BT: endOf(5)},
	} {
		if line := lines[i]; !strings.HasSuffix(line, `,"position":"`+want.String()+"\"}\n") {
			t.Errorf("line %d: %s, want position %+v", i, line, want)
		}
	}
	if late, want := subscribeTo(t, d, "#"), (Position{Incarnation: 9, RT: endOf(3), BT: endOf(5)}); late.Position() != want {
		t.Errorf("a new subscription begins at %+v, want %+v", late.Position(), want)
	}
}

// TestDispatcherLeavesOnlyTheSlow has a subscriber that takes nothing for a
// while: it has all in the end, and the others do not notice.
func TestDispatcherLeavesOnlyTheSlow(t *testing.T) {
	const blocks = maxQueue/1000 + 10
	d := newTestDispatcher()
	slow, quick, other := subscribeTo(t, d, "#"), subscribeTo(t, d, "a"), subscribeTo(t, d, "b")
	m := testMessage("a")
	m.Value = dataplane.StringValue(strings.Repeat("x", 1000))
	var want []string
	for block := uint64(1); block <= blocks; block++ {
		d.Deliver(dataplane.RT, block, []dataplane.Message{m}, nil)
		want = append(want, takeLines(t, quick)...)
	}
	if len(want) != blocks {
		t.Errorf("the quick one got %d messages, want %d", len(want), blocks)
	}
	if got := testutil.ToFloat64(d.metrics.fellBehind); got != 1 {
		t.Errorf("%v subscriptions fell behind, want 1", got)
	}
	if got := testutil.ToFloat64(d.metrics.cutOff); got != 0 {
		t.Errorf("%v subscriptions were cut off, want none", got)
	}
	d.Deliver(dataplane.RT, blocks+1, []dataplane.Message{testMessage("b")}, nil)
	if got := topics(t, other); got != "b" {
		t.Errorf("another one got %q", got)
	}
	d.Deliver(dataplane.RT, blocks+2, []dataplane.Message{m}, nil)
	want = append(want, takeLines(t, quick)...)
	var got []string
	for len(got) < blocks+2 {
		queue, err := slow.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, splitLines(queue)...)
	}
	got = slices.Delete(got, blocks, blocks+1) // the other's
	if !slices.Equal(got, want) {
		t.Errorf("the slow one got %d lines, want those of the quick one, %d", len(got), len(want))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := slow.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next: %v", err)
	}
	if got := testutil.ToFloat64(d.metrics.behind); got != 0 {
		t.Errorf("behind: got %v, want 0", got)
	}
}

func TestDispatcherClose(t *testing.T) {
	d := newTestDispatcher()
	s := subscribeTo(t, d, "#")
	d.Deliver(dataplane.RT, 1, []dataplane.Message{testMessage("a")}, nil)
	d.Close()
	d.Close()
	d.Deliver(dataplane.RT, 2, []dataplane.Message{testMessage("b")}, nil)
	if got := topics(t, s); got != "a" {
		t.Errorf("got %q, want what came before Close", got)
	}
	var cutOff *CutOffError
	if _, err := s.Next(context.Background()); !errors.As(err, &cutOff) || cutOff.Reason != ErrClosed.Error() || !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want %q", err, ErrClosed)
	}
	f, _ := dataplane.ParseFilter("#")
	if _, err := d.Subscribe(f); !errors.Is(err, ErrClosed) {
		t.Errorf("Subscribe: %v, want ErrClosed", err)
	}
}

// TestDispatcherKeepsTheOrder mixes topics that different subscriptions get:
// each has its own, all in their order, each with its own position.
func TestDispatcherKeepsTheOrder(t *testing.T) {
	d := newTestDispatcher()
	want := map[*Subscription][]string{}
	filters := []string{"#", "a", "b/#", "+", "b/c"}
	subscriptions := make([]*Subscription, len(filters))
	for i, filter := range filters {
		subscriptions[i] = subscribeTo(t, d, filter)
	}
	var messages []dataplane.Message
	for n := range 3 * deliverChunk {
		m := testMessage([]string{"a", "b/c", "b", "x", "a"}[n*n%5])
		if n%100 == 0 {
			m.Value = dataplane.StringValue(strings.Repeat("x", maxBurst/2))
		}
		messages = append(messages, m)
		at := Position{Incarnation: 9, RT: Place{Block: 1, Index: uint32(n)}}
		for _, s := range subscriptions {
			if s.filter.Match(m.Topic) {
				want[s] = append(want[s], string(appendLine(nil, &m, at)))
			}
		}
	}
	d.Deliver(dataplane.RT, 1, messages, nil)
	for _, s := range subscriptions {
		if got := takeLines(t, s); !slices.Equal(got, want[s]) {
			t.Errorf("%v: got %d lines, want these %d in their order", s.filter, len(got), len(want[s]))
		}
	}
}

// BenchmarkDeliver routes blocks of 1,000 RT messages of ten topics.
func BenchmarkDeliver(b *testing.B) {
	for _, subscribers := range []int{0, 1, 100} {
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) {
			d := newTestDispatcher()
			f, err := dataplane.ParseFilter("#")
			if err != nil {
				b.Fatal(err)
			}
			var all []*Subscription
			for range subscribers {
				s, err := d.Subscribe(f)
				if err != nil {
					b.Fatal(err)
				}
				all = append(all, s)
			}
			messages := make([]dataplane.Message, 1000)
			for i := range messages {
				messages[i] = testMessage(fmt.Sprintf("hall/boiler/sensor-%d", i%10))
			}
			weight := (&storedBlock{messages: messages}).weigh()
			b.ReportAllocs()
			for block := uint64(1); b.Loop(); block++ {
				d.route(dataplane.RT, &storedBlock{seq: block, messages: messages, weight: weight})
				for _, s := range all {
					if _, _, err := s.take(); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(messages)), "ns/message")
		})
	}
}
