package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"datastub/cloudsvc/client"
	"datastub/cloudsvc/client/clienttest"
	"datastub/dataplane"
)

// TestExamples runs each example of the help texts as it is printed, in bash,
// but for addresses: those are of this test. What does not end by itself is
// ended by Ctrl-C once it has printed something.
func TestExamples(t *testing.T) {
	t.Parallel()
	server, other := clienttest.Start(t, "127.0.0.1:0"), clienttest.Start(t, "127.0.0.1:0")
	server.Registry.Seen("edge-1/mapper", "")
	server.Registry.Published("edge-1/mapper", []string{"sensor/temperature"})
	server.Lose(lostGap("sensor/temperature", 12))
	makeWebhook(t, server.URL)
	server.Bury(deadLetter("sub_x", 1))
	keepPublishing(t, server.URL)
	endpoint := "tcp://" + freePort(t)
	publishLAN(t, endpoint, false)
	addresses := strings.NewReplacer("http://other:8080", other.URL, defaultLAN, endpoint)

	dir, env := installProgram(t, server.URL)
	if err := os.WriteFile(filepath.Join(dir, "messages.json"), []byte(`[{"topic":"a","value":1}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range newRoot(&app{}, os.Getenv).Commands() {
		if cmd.Name() == "bench" { // needs an uplink; it has a test of its own
			continue
		}
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			t.Run(line, func(t *testing.T) {
				t.Parallel()
				if cmd.Name() == "tap" && !strings.Contains(line, defaultLAN) { // the default is not this test's
					line = strings.Replace(line, "tap", "tap "+defaultLAN, 1)
				}
				runExample(t, dir, env, addresses.Replace(line))
			})
		}
	}
}

func runExample(t *testing.T, dir string, env []string, line string) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*testTimeout)
	defer cancel()
	var stdout, stderr output
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", line)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if endless := !strings.Contains(line, "--count") && (strings.Contains(line, "datastub subscribe") ||
		strings.Contains(line, "datastub tap") || strings.Contains(line, "datastub top")); endless {
		stdout.await(t, "\n")
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
			t.Error(err)
		}
	}
	if err := cmd.Wait(); err != nil || stdout.String() == "" || strings.Contains(stderr.String(), "DATA RACE") {
		t.Errorf("%s: %v, stderr\n%sstdout\n%s", line, err, &stderr, &stdout)
	}
}

// keepPublishing publishes what the examples subscribe to until the test ends.
func keepPublishing(t *testing.T, server string) {
	t.Helper()
	c, err := client.New(client.Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // the test's own ends before its cleanups
	var working sync.WaitGroup
	working.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			_, _ = c.Publish(ctx, // a server that the test has stopped takes nothing
				dataplane.Message{Topic: "sensor/temperature", Value: dataplane.FloatValue(21.5), Unit: "°C"},
				dataplane.Message{Topic: "sensor/hall-1/temperature", Value: dataplane.FloatValue(18)})
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		working.Wait()
		c.Close()
	})
}
