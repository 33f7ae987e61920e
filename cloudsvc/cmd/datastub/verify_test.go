package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"datastub/cloudsvc/client/clienttest"
)

func TestVerify(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	if status, out, stderr := runTo(t, server.URL, "", "verify"); status != 0 || !strings.HasSuffix(out, "\nno epoch in the log; 0 told to be lost, 0 on the way\n") {
		t.Errorf("an empty log: status %d, %s\n%s", status, stderr, out)
	}
	sub := start(t, server.URL, "", "subscribe", "#", "--count", "3", "-o", "json")
	sub.err.await(t, "datastub: subscribed to ")
	for _, value := range []string{"1", "2", "3"} {
		if status, _, stderr := runTo(t, server.URL, "", "publish", "a", value); status != 0 {
			t.Fatal(stderr)
		}
	}
	if status := <-sub.status; status != 0 {
		t.Fatalf("subscribe: status %d, %s", status, sub.err.String())
	}
	lines := strings.SplitAfter(strings.TrimSuffix(sub.out.String(), "\n"), "\n")
	lines[2] += "\n"
	const row = "http/anonymous  BT     1      3         3       0     0        open     -\n"
	for name, tt := range map[string]struct {
		input  string
		status int
		want   string
	}{
		"all":               {strings.Join(lines, ""), 0, row + "1 open; 0 told to be lost, 0 on the way; 3 received, 0 wrong\n"},
		"none":              {"", 0, row + "1 open; 0 told to be lost, 0 on the way; 0 received, 0 wrong\n"},
		"the last is cut":   {lines[0] + lines[1][:40], 0, row + "1 open; 0 told to be lost, 0 on the way; 1 received, 0 wrong\n"},
		"one is taken out":  {lines[0] + lines[2], 1, row + "not delivered: http/anonymous/BT/1/2\n1 open; 0 told to be lost, 0 on the way; 2 received, 1 wrong\n"},
		"one is twice":      {lines[0] + lines[0] + lines[1], 1, row + "delivered twice: http/anonymous/BT/1/1\n1 open; 0 told to be lost, 0 on the way; 3 received, 1 wrong\n"},
		"the stream's last": {lines[0] + `{"type":"urn:datastub:problem:stream-ended","reason":"x"}` + "\n", 0, row + "1 open; 0 told to be lost, 0 on the way; 1 received, 0 wrong\n"},
	} {
		file := filepath.Join(t.TempDir(), "got.ndjson")
		if err := os.WriteFile(file, []byte(tt.input), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, from := range []string{"-", file} {
			status, out, stderr := runTo(t, server.URL, tt.input, "verify", "--received", from)
			if status != tt.status || !strings.HasSuffix(out, tt.want) || (status == 1) != strings.Contains(stderr, "keep cloudsvc's data folder") {
				t.Errorf("%s: status %d, %s\n%s\nwant\n%s", name, status, stderr, out, tt.want)
			}
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	for args, want := range map[string]string{
		"verify x":                        "unknown command",
		"verify --publisher m":            `--publisher: publisher "m" is not <node>/<mapper>`,
		"verify --for 0s":                 "--for 0s: want more than 0s, such as 30s",
		"verify --received= ":             "--received is empty",
		"verify --received - --for 1s":    "--received and --for: want one of them",
		"verify --received /nowhere/at/x": "--received: open /nowhere/at/x",
	} {
		if status, _, stderr := runTo(t, server.URL, "", strings.Fields(args)...); status != statusUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: status %d, %q, want %q", args, status, stderr, want)
		}
	}
	for input, want := range map[string]string{
		"x\n":                     "standard input: line 1 is no message of a subscription",
		`{"topic":"a","value":1}`: "standard input: line 1 has no id",
	} {
		if status, _, stderr := runTo(t, server.URL, input, "verify", "--received", "-"); status != statusFailed || !strings.Contains(stderr, want) {
			t.Errorf("%q: status %d, %q, want %q", input, status, stderr, want)
		}
	}
}
