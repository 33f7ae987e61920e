package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
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
		"wrong filter":       {server.URL, "subscribe a//b", 2, "datastub: filter \"a//b\" has an empty level; see datastub subscribe --help\n"},
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
	server.Registry.Reported("edge-1/mapper", &dataplane.Report{
		Clock: &dataplane.ClockOffset{Offset: -3723.0004, RoundTrip: 0.02},
		Spool: dataplane.SpoolReport{Storage: dataplane.StorageDisk, Sync: "1s", Fault: "no space left\x1b[31m", Since: clienttest.Time},
	})
	server.Registry.Seen("edge-2/mapper", "")
	_, out, _ = runTo(t, server.URL, "", "nodes")
	want = "NODE           STATE   KIND    LAST SEEN            CLOCK         SOFTWARE    ADDRESS  TOPICS            DETAIL\n" +
		"edge-1/mapper  online  uplink  " + seen + "  1h2m3s ahead  mapper/1.0  -        a b c and 1 more  spool: in memory since " + seen + ": no space left\ufffd[31m\n" +
		"edge-2/mapper  online  uplink  " + seen + "  -             -           -        -                 -\n"
	if out != want {
		t.Errorf("after a report\n%s\nwant\n%s", out, want)
	}
	_, out, _ = runTo(t, server.URL, "", "nodes", "a", "-o", "json")
	if want := `"roundTrip":0.02,"spool":{"storage":"disk","sync":"1s","fault":"no space left\u001b[31m",`; !strings.Contains(strings.Join(strings.Fields(out), ""), strings.Join(strings.Fields(want), "")) {
		t.Errorf("as JSON\n%s\nwant …%s…", out, want)
	}
	if status, out, _ := runTo(t, server.URL, "", "nodes", "x", "-o", "json"); status != 0 || out != "[]\n" {
		t.Errorf("nodes of x: status %d, %s", status, out)
	}
}

func TestPrintNodesWithDetail(t *testing.T) {
	seen := clienttest.Time.Local().Format(time.DateTime)
	node := client.Node{ID: "p", State: "online", Kind: "http", LastSeen: clienttest.Time, Address: "tcp://192.0.2.1:5556", Topics: []string{"a"}}
	told := node
	told.Detail = "connected\x1b[2J"
	var out strings.Builder
	table := formatTable
	err := table.print(&out, nil, func(w io.Writer) { printNodes(w, []client.Node{node, told}) })
	want := "NODE  STATE   KIND  LAST SEEN            SOFTWARE  ADDRESS               TOPICS  DETAIL\n" +
		"p     online  http  " + seen + "  -         tcp://192.0.2.1:5556  a       -\n" +
		"p     online  http  " + seen + "  -         tcp://192.0.2.1:5556  a       connected\ufffd[2J\n"
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out.String(), want)
	}
}
