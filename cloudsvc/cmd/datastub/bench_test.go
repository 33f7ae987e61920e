package main

import (
	"net"
	"strings"
	"testing"

	"datastub/cloudsvc/client/clienttest"
)

// TestBenchRefuses what cannot be measured, or not there. What it measures is
// seen in hack/bench, with the real programs.
func TestBenchRefuses(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "tcp://" + l.Addr().String()
	_ = l.Close()
	tests := map[string]struct {
		args   string
		status int
		want   []string // on stderr
	}{
		"an argument":     {"a", statusUsage, []string{`unknown command "a"`}},
		"all flags wrong": {"--class XT --rate -1 --duration 0s --devices 0 --uplink x", statusUsage, []string{`class "XT"`, "--rate -1: want 0", "--duration 0s: want more", "--devices 0: want 1", `--uplink "x": want tcp://`}},
		"no uplink":       {"--uplink " + gone, statusUnreachable, []string{"cannot reach cloudsvc's uplink at " + gone + " (--uplink): connection refused"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, out, stderr := runTo(t, server.URL, "", append([]string{"bench"}, strings.Fields(tt.args)...)...)
			if status != tt.status || out != "" {
				t.Errorf("status %d, %q, want %d and nothing", status, out, tt.status)
			}
			for _, want := range tt.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("stderr %q lacks %q", stderr, want)
				}
			}
		})
	}
}

// TestBenchInterrupted stops a benchmark whose uplink says nothing.
func TestBenchInterrupted(t *testing.T) {
	t.Parallel() // its publisher tries for 4 s to deliver
	server := clienttest.Start(t, "127.0.0.1:0")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := start(t, server.URL, "", "bench", "--uplink", "tcp://"+silent.Addr().String())
	c.err.await(t, "datastub: publishing RT messages at ")
	c.stop()
	if status := <-c.status; status != statusFailed || c.out.String() != "" {
		t.Errorf("Ctrl-C: status %d, %s", status, &c.out)
	}
	c.err.await(t, " for 10s\ndatastub: interrupted before the end: nothing was measured\n")
}

// TestBenchComplete tells a benchmark that proved something from others.
func TestBenchComplete(t *testing.T) {
	tests := map[string]struct {
		result benchResult
		want   bool
	}{
		"all":          {benchResult{Sent: 2, Received: 2}, true},
		"nothing sent": {benchResult{}, false},
		"missing":      {benchResult{Sent: 2, Received: 1, Missing: 1}, false},
		"twice":        {benchResult{Sent: 1, Received: 2, Duplicates: 1}, false},
		"exchanged":    {benchResult{Sent: 2, Received: 2, OutOfOrder: 1}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.result.complete(); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
