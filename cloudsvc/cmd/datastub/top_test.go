package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"

	"datastub/cloudsvc/client/clienttest"
)

func TestTop(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	keepPublishing(t, server.URL)
	c := start(t, server.URL, "", "top", "sensor/#", "--interval", "100ms")
	c.out.await(t, "\nsensor/temperature         -") // below a longer topic; no node, as this server gives none
	c.out.await(t, "  21.5 °C\n")
	c.stop()
	if status := <-c.status; status != 0 || strings.Contains(c.out.String(), "\x1b") ||
		c.err.String() != "datastub: subscribed to sensor/# at "+server.URL+"\n" {
		t.Errorf("Ctrl-C: status %d, %s\n%s", status, &c.err, &c.out)
	}
	status, out, stderr := runTo(t, server.URL, "", "top", "--interval", "100ms", "--count", "2")
	if status != 0 || strings.Count(out, " messages/s  ") != 2 || strings.Count(out, "\nTOPIC") != 2 || !strings.HasSuffix(out, "\n\n") {
		t.Errorf("two tables: status %d, %s\n%s", status, stderr, out)
	}
}

func TestTopJSON(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	keepPublishing(t, server.URL)
	c := start(t, server.URL, "", "top", "--interval", "100ms", "-o", "json")
	c.out.await(t, `"value":21.5,"unit":"°C"`)
	c.stop()
	if status := <-c.status; status != 0 {
		t.Errorf("Ctrl-C: status %d, %s", status, &c.err)
	}
	for line := range strings.Lines(c.out.String()) {
		var r struct {
			Flows []struct{ Messages int }
			Total struct{ Messages int }
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		sum := 0
		for _, f := range r.Flows {
			sum += f.Messages
		}
		if sum != r.Total.Messages {
			t.Errorf("flows of %d messages, in all %d: %s", sum, r.Total.Messages, line)
		}
	}
}

func TestTopOfAMapper(t *testing.T) {
	t.Parallel()
	endpoint := "tcp://" + freePort(t)
	publishLAN(t, endpoint, false)
	c := start(t, "", "", "top", "--lan", endpoint, "sensor/#", "--interval", "100ms")
	c.out.await(t, "\nsensor/temperature  edge-1  ")
	c.err.await(t, "tapping "+endpoint+" (named by --lan)")
	c.stop()
	if status := <-c.status; status != 0 {
		t.Errorf("Ctrl-C: status %d, %s", status, &c.err)
	}
}

func TestTopRefuses(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	for args, want := range map[string]string{
		"--interval 1ms":    "datastub: --interval 1ms: want 100ms or more; see datastub top --help\n",
		"--count -1":        "datastub: --count -1: want 0, for no end, or more; see datastub top --help\n",
		"a//b":              "datastub: filter \"a//b\" has an empty level; see datastub top --help\n",
		"--lan edge-1:5556": "datastub: address \"edge-1:5556\": want tcp://host:port, such as tcp://127.0.0.1:5556, or ipc://path; see datastub top --help\n",
	} {
		if status, _, stderr := runTo(t, server.URL, "", append([]string{"top"}, strings.Fields(args)...)...); status != 2 || stderr != want {
			t.Errorf("%s: status %d, stderr\n%swant\n%s", args, status, stderr, want)
		}
	}
	server.Stop()
	if status, out, _ := runTo(t, server.URL, "", "top"); status != 3 || out != "" {
		t.Errorf("unreachable: status %d, %q", status, out)
	}
}

// TestTopOnATerminal looks at what a terminal is told, of a size that cuts the
// table, and that it is left as it was.
func TestTopOnATerminal(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	keepPublishing(t, server.URL)
	terminalEnd, program, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer terminalEnd.Close()
	if err := pty.Setsize(program, &pty.Winsize{Rows: 6, Cols: 30}); err != nil {
		t.Fatal(err)
	}
	var shown output
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(&shown, terminalEnd) }) // ends in an error when the program's end is closed
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	status := make(chan int, 1)
	var said output
	go func() {
		status <- run(ctx, []string{"top", "--interval", "100ms", "--server", server.URL}, terminal{strings.NewReader(""), program, &said}, os.Getenv)
	}()
	shown.await(t, enterScreen+toTop)
	shown.await(t, "sensor/hall-1/temperature") // there is room for one, and of as many messages the first by name
	server.Stop()
	shown.await(t, "cannot reach cloudsvc: connect")
	cancel()
	if got := <-status; got != 0 {
		t.Errorf("Ctrl-C: status %d, %s", got, &said)
	}
	_ = program.Close()
	reading.Wait()
	got := shown.String()
	if !strings.HasPrefix(got, enterScreen) || !strings.HasSuffix(got, leaveScreen) || said.String() != "" {
		t.Errorf("said %q, shown %q", &said, got)
	}
	for _, frame := range strings.Split(got, toTop)[1:] {
		for i, line := range strings.Split(frame, "\r\n") {
			line, _, _ = strings.Cut(line, clearLine)
			if n := len([]rune(line)); n > 30 || i > 5 {
				t.Errorf("line %d of %d runes, on a screen of 6 by 30: %q", i, n, line)
			}
		}
	}
}

func TestCut(t *testing.T) {
	for want, runes := range map[string]int{"": 0, "é": 1, "é°C": 9} {
		if got := string(cut([]byte("é°C"), runes)); got != want {
			t.Errorf("%d: got %q, want %q", runes, got, want)
		}
	}
}
