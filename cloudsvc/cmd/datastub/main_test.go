package main

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testTimeout = 20 * time.Second

var testTime = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// testPublisher numbers messages and delivers them at once.
type testPublisher struct {
	dispatcher *cloudsvc.Dispatcher
	mu         sync.Mutex
	seq        uint64
}

func (p *testPublisher) Publish(_ context.Context, _ cloudsvc.Identity, messages []dataplane.Message) ([]dataplane.ID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := make([]dataplane.ID, len(messages))
	for i := range messages {
		p.seq++
		messages[i].ID = dataplane.ID{Publisher: "http/anonymous", Class: messages[i].Class, Epoch: 1, Seq: p.seq}
		ids[i] = messages[i].ID
	}
	p.dispatcher.Deliver(dataplane.RT, p.seq, messages)
	return ids, nil
}

// startServer runs cloudsvc's API and returns its URL.
func startServer(t *testing.T) (serverURL string, registry *cloudsvc.Registry, stop func()) {
	t.Helper()
	registry = cloudsvc.NewRegistry(cloudsvc.RegistryOptions{Now: func() time.Time { return testTime }})
	dispatcher := cloudsvc.NewDispatcher(cloudsvc.Position{}, cloudsvc.NewMetrics(prometheus.NewRegistry()))
	api, err := cloudsvc.NewAPI(cloudsvc.APIOptions{
		Registry: registry, Dispatcher: dispatcher, Publisher: &testPublisher{dispatcher: dispatcher},
		Ready: func() error { return nil }, Metrics: http.NotFoundHandler(),
		Now: func() time.Time { return testTime },
	})
	if err != nil {
		t.Fatal(err)
	}
	server, err := cloudsvc.NewServer("127.0.0.1:0", api)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return "http://" + server.Addr().String(), registry, stop
}

// output is what a command writes, and can be waited for.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until a text was written.
func (o *output) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.NewTimer(testTimeout)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(o.String(), text) {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%q was not written, but %q", text, o)
		}
	}
}

// A command is one run of datastub.
type command struct {
	out, err output
	stop     context.CancelFunc // as Ctrl-C does
	status   chan int
}

func start(t *testing.T, server, input string, args ...string) *command {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	c := &command{stop: cancel, status: make(chan int, 1)}
	getenv := func(key string) string { return map[string]string{serverEnv: server}[key] }
	go func() {
		c.status <- run(ctx, args, terminal{strings.NewReader(input), &c.out, &c.err}, getenv)
	}()
	return c
}

// runTo runs a command to its end.
func runTo(t *testing.T, server, input string, args ...string) (status int, out, err string) {
	t.Helper()
	c := start(t, server, input, args...)
	status = <-c.status
	return status, c.out.String(), c.err.String()
}

func TestStatus(t *testing.T) {
	server, _, _ := startServer(t)
	gone, _, stop := startServer(t)
	stop()
	tests := map[string]struct {
		server string
		args   string
		status int
		want   string // on stderr
	}{
		"help":               {server, "--help", 0, ""},
		"nothing":            {server, "", 0, ""},
		"no such command":    {server, "sub", 2, "datastub: unknown command \"sub\" for \"datastub\"; see datastub --help\n"},
		"no topic":           {server, "subscribe", 2, "datastub: accepts 1 arg(s), received 0; see datastub --help\n"},
		"no such flag":       {server, "nodes --qos 1", 2, "datastub: unknown flag: --qos; see datastub --help\n"},
		"no such output":     {server, "subscribe a -o xml", 2, "datastub: --output \"xml\": want text or json; see datastub --help\n"},
		"negative count":     {server, "subscribe a --count -1", 2, "datastub: --count -1: want 0, for no end, or more; see datastub --help\n"},
		"no URL":             {"127.0.0.1:8080", "nodes", 2, "datastub: server \"127.0.0.1:8080\": want an http:// or https:// URL, such as http://127.0.0.1:8080; see datastub --help\n"},
		"one argument":       {server, "publish a", 2, "datastub: 1 arguments: want TOPIC and VALUE, or - to read messages; see datastub --help\n"},
		"wrong class":        {server, "publish a 1 --class XT", 2, "datastub: --class: class \"XT\" is not RT or BT; see datastub --help\n"},
		"wrong type":         {server, "publish a x --type int", 2, "datastub: value \"x\" is no int; see datastub --help\n"},
		"wrong topic":        {server, "publish a//b 1", 2, "datastub: topic \"a//b\" has an empty level: want levels split by one \"/\"; see datastub --help\n"},
		"refused":            {server, "publish a 1 --device d/e", 4, "datastub: cloudsvc answered 400 Invalid request: message 0: device \"d/e\" has a \"/\": it is one level of an address\n"},
		"subscribe refused":  {server, "subscribe a//b", 4, "datastub: cloudsvc answered 400 Invalid request: topic: filter \"a//b\" has an empty level\n"},
		"unreachable":        {gone, "subscribe a", 3, "datastub: cannot reach cloudsvc at " + gone + ": connection refused; is it running? set --server or DATASTUB_SERVER\n"},
		"unreachable, nodes": {gone, "nodes", 3, "datastub: cannot reach cloudsvc at " + gone + ": connection refused; is it running? set --server or DATASTUB_SERVER\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, _, stderr := runTo(t, tt.server, "", strings.Fields(tt.args)...)
			if status != tt.status || stderr != tt.want {
				t.Errorf("status %d, stderr\n%q\nwant %d\n%q", status, stderr, tt.status, tt.want)
			}
		})
	}
}

func TestSubscribe(t *testing.T) {
	server, _, _ := startServer(t)
	text := start(t, server, "", "subscribe", "sensor/#", "--count", "2")
	json := start(t, server, "", "subscribe", "sensor/#", "-o", "json", "--count", "2")
	endless := start(t, server, "", "subscribe", "#")
	for _, c := range []*command{text, json, endless} {
		c.err.await(t, "datastub: subscribed to ")
	}
	for _, args := range [][]string{
		{"publish", "sensor/temperature", "21.3", "--device", "boiler-1", "--unit", "°C", "--class", "RT", "--type", "float"},
		{"publish", "sensor/label", "a\nb"},
	} {
		if status, _, stderr := runTo(t, server, "", args...); status != 0 {
			t.Fatalf("%q: %d %s", args, status, stderr)
		}
	}
	if status := <-text.status; status != 0 {
		t.Errorf("subscribe: status %d", status)
	}
	at := testTime.Local().Format("15:04:05.000")
	want := at + "  RT  default/sensor/temperature/boiler-1  21.3 °C\n" +
		at + "  BT  default/sensor/label/http            \"a\\nb\"\n"
	if got := text.out.String(); got != want {
		t.Errorf("text\n%s\nwant\n%s", got, want)
	}
	if status := <-json.status; status != 0 || strings.Count(json.out.String(), `"position":`) != 2 {
		t.Errorf("json: status %d\n%s", status, &json.out)
	}
	endless.out.await(t, "label")
	endless.stop()
	if status := <-endless.status; status != 0 {
		t.Errorf("Ctrl-C: status %d, %s", status, &endless.err)
	}
}

func TestSubscribeSaysWhenItIsInterrupted(t *testing.T) {
	server, _, stop := startServer(t)
	c := start(t, server, "", "subscribe", "a")
	c.err.await(t, "datastub: subscribed to a at "+server+"\n")
	stop()
	c.err.await(t, "datastub: cloudsvc ended the stream: cloudsvc is shutting down; trying again in ")
	c.err.await(t, "datastub: cannot reach cloudsvc: connection refused; trying again in ")
	c.stop()
	if status := <-c.status; status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestPublishInput(t *testing.T) {
	tests := map[string]struct {
		input  string
		status int
		ids    int
		want   string // on stderr
	}{
		"nothing":   {"", 0, 0, ""},
		"lines":     {`{"topic":"a","value":1}` + "\n" + `{"topic":"a","value":2}` + "\n", 0, 2, ""},
		"array":     {"[{\"topic\":\"a\",\n\"value\":1},\n{\"topic\":\"a\",\"value\":2}]\n[]{\"topic\":\"b\",\"value\":3}", 0, 3, ""},
		"many":      {strings.Repeat(`{"topic":"a","value":1}`+"\n", 2500), 0, 2500, ""},
		"not JSON":  {`{"topic":"a","value":1} oops`, 1, 1, "datastub: input after message 1: invalid character 'o' looking for beginning of value\n"},
		"cut":       {`{"topic":"a","val`, 1, 0, "datastub: input after message 0: unexpected EOF\n"},
		"no fields": {`{"topic":"a","value":1} {"tpic":1}`, 1, 1, "datastub: message 2 of the input: message has no field \"tpic\"\n"},
		"refused":   {`{"topic":"a","value":1} {"topic":"a b","value":1}`, 4, 0, "datastub: messages 1 to 2: cloudsvc answered 400 Invalid request: message 1: topic \"a b\" has ' ' at byte 1: wildcards, spaces and control characters are not allowed\n"},
	}
	server, _, _ := startServer(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runTo(t, server, tt.input, "publish", "-")
			if ids := strings.Count(stdout, "http/anonymous/BT/1/"); status != tt.status || ids != tt.ids || stderr != tt.want {
				t.Errorf("status %d, %d ids, stderr %q\nwant %d, %d, %q", status, ids, stderr, tt.status, tt.ids, tt.want)
			}
		})
	}
}

func TestNodes(t *testing.T) {
	server, registry, _ := startServer(t)
	registry.Seen("edge-1/mapper", "mapper/1.0")
	registry.Published("edge-1/mapper", []string{"a", "b", "c", "d"})
	seen := testTime.Local().Format(time.DateTime)
	status, out, stderr := runTo(t, server, "", "nodes")
	want := "NODE           STATE   KIND    LAST SEEN            SOFTWARE    ADDRESS  TOPICS\n" +
		"edge-1/mapper  online  uplink  " + seen + "  mapper/1.0  -        a b c and 1 more\n"
	if status != 0 || out != want {
		t.Errorf("status %d, %s\n%s\nwant\n%s", status, stderr, out, want)
	}
	if status, out, _ := runTo(t, server, "", "nodes", "x", "-o", "json"); status != 0 || out != "[]\n" {
		t.Errorf("nodes of x: status %d, %s", status, out)
	}
}
