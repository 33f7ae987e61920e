package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"datastub/hack/stack"
)

const testTimeout = 20 * time.Second

// output is what a command writes, and can be waited for.
type output struct{ stack.Log }

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
