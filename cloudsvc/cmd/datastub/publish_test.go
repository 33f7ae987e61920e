package main

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"datastub/cloudsvc/client/clienttest"
	"datastub/dataplane"
)

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
