package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"datastub/cloudsvc/client"
	"datastub/cloudsvc/client/clienttest"
	"datastub/dataplane"
)

// TestMain is datastub itself, where a test starts it under that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "datastub" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// installProgram returns a folder with datastub in it, which is this test, and
// the environment to find it and a server in.
func installProgram(t *testing.T, server string) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "datastub")); err != nil {
		t.Fatal(err)
	}
	// The race detector has programs sleep for a second before they exit.
	return dir, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), serverEnv+"="+server, "GORACE=atexit_sleep_ms=0")
}

const testTimeout = 20 * time.Second

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
	server := clienttest.Start(t, "127.0.0.1:0")
	gone := clienttest.Start(t, "127.0.0.1:0")
	gone.Stop()
	away := func(server string) string {
		return "datastub: cannot reach cloudsvc at " + server + " (named by DATASTUB_SERVER): connection refused; " +
			"is cloudsvc running there? name another with --server or DATASTUB_SERVER\n"
	}
	tests := map[string]struct {
		server string
		args   string
		status int
		want   string // on stderr
	}{
		"help":               {server.URL, "--help", 0, ""},
		"nothing":            {server.URL, "", 0, ""},
		"version flag":       {server.URL, "--version", 0, ""},
		"no such command":    {server.URL, "sub", 2, "datastub: \"sub\" is no command (did you mean subscribe?); see datastub --help\n"},
		"nothing like it":    {server.URL, "frobnicate", 2, "datastub: \"frobnicate\" is no command; see datastub --help\n"},
		"no such shell":      {server.URL, "completion bahs", 2, "datastub: \"bahs\" is no command (did you mean bash?); see datastub completion --help\n"},
		"no topic":           {server.URL, "subscribe", 2, "datastub: TOPIC is missing; if it was #, quote it: to a shell, # begins a comment; see datastub subscribe --help\n"},
		"file names":         {server.URL, "subscribe a.txt b.txt", 2, "datastub: 2 arguments: want one TOPIC; if it had a * or ?, which a shell replaces by file names: the wildcards of topics are + and #; see datastub subscribe --help\n"},
		"file names, nodes":  {server.URL, "nodes a.txt b.txt", 2, "datastub: 2 arguments: want one TOPIC; if it had a * or ?, which a shell replaces by file names: the wildcards of topics are + and #; see datastub nodes --help\n"},
		"no such flag":       {server.URL, "nodes --qos 1", 2, "datastub: unknown flag: --qos; see datastub nodes --help\n"},
		"nearly a flag":      {server.URL, "subscribe a --cuont 1", 2, "datastub: unknown flag: --cuont (did you mean --count?); see datastub subscribe --help\n"},
		"no such output":     {server.URL, "subscribe a -o xml", 2, "datastub: invalid argument \"xml\" for \"-o, --output\" flag: want table, json or yaml; see datastub subscribe --help\n"},
		"negative count":     {server.URL, "subscribe a --count -1", 2, "datastub: --count -1: want 0, for no end, or more; see datastub subscribe --help\n"},
		"no URL":             {"127.0.0.1:8080", "nodes", 2, "datastub: server \"127.0.0.1:8080\": want an http:// or https:// URL, such as http://127.0.0.1:8080; see datastub nodes --help\n"},
		"one argument":       {server.URL, "publish a", 2, "datastub: VALUE is missing: want TOPIC and VALUE, or - to read messages; see datastub publish --help\n"},
		"three arguments":    {server.URL, "publish a b c", 2, "datastub: 3 arguments: want TOPIC and VALUE, or - to read messages; a VALUE with spaces stands in quotes; see datastub publish --help\n"},
		"wrong class":        {server.URL, "publish a 1 --class XT", 2, "datastub: class \"XT\" is not RT or BT; see datastub publish --help\n"},
		"wrong type":         {server.URL, "publish a x --type int", 2, "datastub: value \"x\" is no int; see datastub publish --help\n"},
		"wrong topic":        {server.URL, "publish a//b 1", 2, "datastub: topic \"a//b\" has an empty level: want levels split by one \"/\"; see datastub publish --help\n"},
		"wrong device":       {server.URL, "publish a 1 --device d/e", 2, "datastub: device \"d/e\" has a \"/\": it is one level of an address; see datastub publish --help\n"},
		"flags of a message": {server.URL, "publish - --unit K --class RT", 2, "datastub: --class, --unit: means nothing with -: each message on standard input says it of itself; see datastub publish --help\n"},
		"subscribe refused":  {server.URL, "subscribe a//b", 4, "datastub: cloudsvc answered 400 Invalid request: topic: filter \"a//b\" has an empty level\n"},
		"star":               {server.URL, "nodes sensor/*", 0, "datastub: note: * is an ordinary character of the topic sensor/*; wildcards are + for one level and # for the rest\ndatastub: no node publishes to sensor/*\n"},
		"no nodes":           {server.URL, "nodes", 0, "datastub: no node has published or registered yet\n"},
		"unreachable":        {gone.URL, "subscribe a", 3, away(gone.URL)},
		"unreachable, nodes": {gone.URL, "nodes", 3, away(gone.URL)},
		"unreachable, flag": {server.URL, "nodes --server " + gone.URL + "/x", 3, "datastub: cannot reach cloudsvc at " + gone.URL +
			" (named by --server): connection refused; is cloudsvc running there?\n"},
		"no such host": {server.URL, "nodes --server http://cloudsvc.invalid", 3, "datastub: cannot reach cloudsvc at http://cloudsvc.invalid" +
			" (named by --server): no such host; is the name right?\n"},
		"no TLS": {server.URL, "nodes --server " + strings.Replace(server.URL, "http", "https", 1), 3, "datastub: cannot reach cloudsvc at " +
			strings.Replace(server.URL, "http", "https", 1) + " (named by --server): http: server gave HTTP response to HTTPS client; does it want http:// rather than https://?\n"},
		"a path": {server.URL, "nodes --server " + server.URL + "/v9", 4, "datastub: cloudsvc answered 404 No such path: there is nothing at this path; " +
			"GET /openapi.yaml lists what there is; is " + server.URL + " (named by --server) its address without a path? datastub version tells how old it is\n"},
		"version, unreachable": {gone.URL, "version", 0, away(gone.URL)},
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
	server := clienttest.Start(t, "127.0.0.1:0")
	text := start(t, server.URL, "", "subscribe", "sensor/#", "--count", "2")
	json := start(t, server.URL, "", "subscribe", "sensor/#", "-o", "json", "--count", "2")
	endless := start(t, server.URL, "", "subscribe", "#")
	for _, c := range []*command{text, json, endless} {
		c.err.await(t, "datastub: subscribed to ")
	}
	for _, args := range [][]string{
		{"publish", "sensor/temperature", "21.3", "--device", "boiler-1", "--unit", "°C", "--class", "RT", "--type", "float"},
		{"publish", "sensor/label", "a\nb"},
	} {
		if status, _, stderr := runTo(t, server.URL, "", args...); status != 0 {
			t.Fatalf("%q: %d %s", args, status, stderr)
		}
	}
	if status := <-text.status; status != 0 {
		t.Errorf("subscribe: status %d", status)
	}
	at := clienttest.Time.Local().Format("15:04:05.000")
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
	server := clienttest.Start(t, "127.0.0.1:0")
	c := start(t, server.URL, "", "subscribe", "a")
	c.err.await(t, "datastub: subscribed to a at "+server.URL+"\n")
	server.Stop()
	c.err.await(t, "datastub: cloudsvc ended the stream: cloudsvc is shutting down; trying again in ")
	c.err.await(t, "datastub: cannot reach cloudsvc: connection refused; trying again in ")
	c.stop()
	if status := <-c.status; status != 0 {
		t.Errorf("status %d", status)
	}
}

// TestPublishInterrupted stops a publish that waits for an answer: nobody knows
// whether it was stored, so it must not pass for done.
func TestPublishInterrupted(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes the request and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := start(t, "http://"+silent.Addr().String(), "", "publish", "a", "1")
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c.stop()
	if status := <-c.status; status != statusFailed {
		t.Errorf("status %d, want %d", status, statusFailed)
	}
	c.err.await(t, "datastub: interrupted before cloudsvc answered: what was sent may be stored or not\n")
}

// TestPublishInputInterrupted stops a publish that waits for its input.
func TestPublishInputInterrupted(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	input, user := io.Pipe()
	defer func() { _ = user.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr output
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"publish", "-", "--server", server.URL}, terminal{input, &stdout, &stderr}, func(string) string { return "" })
	}()
	if _, err := io.WriteString(user, `{"topic":"a","value":1}`); err != nil {
		t.Fatal(err)
	}
	stdout.await(t, "http/anonymous/BT/1/1\n")
	cancel()
	if got := <-status; got != statusOK || stderr.String() != "datastub: interrupted; published before: 1\n" {
		t.Errorf("status %d, stderr %q", got, &stderr)
	}
}

func TestPublishInput(t *testing.T) {
	large := strings.Repeat("x", dataplane.MaxMessage)
	tests := map[string]struct {
		input  string
		status int
		ids    int
		want   string // on stderr
	}{
		"nothing":   {" \n", 0, 0, "datastub: there was no message on standard input: nothing was published\n"},
		"no array":  {"[]", 0, 0, "datastub: there was no message on standard input: nothing was published\n"},
		"lines":     {`{"topic":"a","value":1}` + "\n" + `{"topic":"a","value":2}` + "\n", 0, 2, ""},
		"array":     {"[{\"topic\":\"a\",\n\"value\":1},\n{\"topic\":\"a\",\"value\":2}]\n[]{\"topic\":\"b\",\"value\":3}", 0, 3, ""},
		"many":      {strings.Repeat(`{"topic":"a","value":1}`+"\n", 2500), 0, 2500, ""},
		"not JSON":  {`{"topic":"a","value":1} oops`, 1, 1, "datastub: input is not JSON at message 2: unexpected 'o' at byte 24\n"},
		"cut":       {`{"topic":"a","val`, 1, 0, "datastub: input is not JSON at message 1: it ends too soon\n"},
		"bad array": {`[{"topic":"a","value":1},falso]`, 1, 0, "datastub: input is not JSON at message 1: unexpected 'o' at byte 29\n"},
		"wrong":     {`{"topic":"a","value":1} {"topic":"a b","value":[1]}`, 1, 1, "datastub: message 2: value [1]: want a number, a boolean or a string\nmessage 2: topic \"a b\" has ' ' at byte 1: wildcards, spaces and control characters are not allowed\n"},
		"refused":   {`{"topic":"a","value":1} {"topic":"a","value":"` + large + `"}`, 4, 0, "datastub: cloudsvc answered 400 Invalid request: message 2: message is 1048660 bytes large: the most is 1048576\n"},
		"alone":     {`{"topic":"a","value":"` + large + `"}`, 4, 0, "datastub: cloudsvc answered 400 Invalid request: message 1: message is 1048660 bytes large: the most is 1048576\n"},
		"a stream":  {`{"id":"e/m/RT/7/42","topic":"a","namespace":"default","device":"d","property":"","class":"BT","type":"float","value":21.3,"unit":"","time":"2026-08-01T12:00:00Z","node":"e","seq":42,"quality":"good","position":"AQAA"}`, 0, 1, ""},
	}
	server := clienttest.Start(t, "127.0.0.1:0")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runTo(t, server.URL, tt.input, "publish", "-")
			if ids := strings.Count(stdout, "http/anonymous/BT/1/"); status != tt.status || ids != tt.ids || stderr != tt.want {
				t.Errorf("status %d, %d ids, stderr %q\nwant %d, %d, %q", status, ids, stderr, tt.status, tt.ids, tt.want)
			}
		})
	}
}

// TestNodesOfNoHTTPServer asks something that listens, but says nothing or
// speaks another protocol.
func TestNodesOfNoHTTPServer(t *testing.T) {
	t.Parallel() // it waits for 5 s
	for says, want := range map[string]string{
		"": "no answer within 5s", "\xff\x00\n": "its answer is no HTTP",
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		peer := make(chan struct{}) // closed at the end of the other side
		go func() {
			defer close(peer)
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, says)
			_, _ = io.Copy(io.Discard, conn)
		}()
		server := "http://" + listener.Addr().String()
		status, _, stderr := runTo(t, server, "", "nodes")
		want = "datastub: cannot reach cloudsvc at " + server + " (named by DATASTUB_SERVER): " + want + "; what answers there, if anything, " +
			"is no HTTP server of cloudsvc: is it the port of its --uplink? name another with --server or DATASTUB_SERVER\n"
		if status != 3 || stderr != want {
			t.Errorf("status %d, stderr\n%s\nwant\n%s", status, stderr, want)
		}
		_ = listener.Close()
		<-peer
	}
}

func TestNodes(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	server.Registry.Seen("edge-1/mapper", "mapper/1.0")
	server.Registry.Published("edge-1/mapper", []string{"a", "b", "c", "d"})
	seen := clienttest.Time.Local().Format(time.DateTime)
	status, out, stderr := runTo(t, server.URL, "", "nodes")
	want := "NODE           STATE   KIND    LAST SEEN            SOFTWARE    ADDRESS  TOPICS\n" +
		"edge-1/mapper  online  uplink  " + seen + "  mapper/1.0  -        a b c and 1 more\n"
	if status != 0 || out != want {
		t.Errorf("status %d, %s\n%s\nwant\n%s", status, stderr, out, want)
	}
	if status, out, _ := runTo(t, server.URL, "", "nodes", "x", "-o", "json"); status != 0 || out != "[]\n" {
		t.Errorf("nodes of x: status %d, %s", status, out)
	}
}

func TestAddressText(t *testing.T) {
	for _, tt := range []struct {
		node client.Node
		want string
	}{
		{client.Node{}, "-"},
		{client.Node{Address: "tcp://192.0.2.1:5556"}, "tcp://192.0.2.1:5556"},
		{client.Node{Address: "tcp://192.0.2.1:5556", Detail: "connected\x1b[2J"}, "tcp://192.0.2.1:5556 (connected\ufffd[2J)"},
	} {
		if got := addressText(tt.node); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.node, got, tt.want)
		}
	}
}
