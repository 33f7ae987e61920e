package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"datastub/cloudsvc/client"
	"datastub/cloudsvc/client/clienttest"
)

// callback is nobody's: its host has no address.
const callback = "https://app.example.invalid/hooks/s3cret"

func makeWebhook(t *testing.T, server string) client.WebhookKey {
	t.Helper()
	status, out, stderr := runTo(t, server, "", "subscriptions", "create", "--topic", "sensor/#", "--callback", callback, "-o", "json")
	var made client.WebhookKey
	if err := json.Unmarshal([]byte(out), &made); err != nil || status != 0 || !strings.HasPrefix(made.Secret, "whsec_") {
		t.Fatalf("status %d, %q, %s, %v", status, out, stderr, err)
	}
	return made
}

func TestSubscriptions(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	status, out, stderr := runTo(t, server.URL, "", "subscriptions")
	if want := "datastub: there are no subscriptions; see datastub subscriptions create --help\n"; status != 0 || out != "" || stderr != want {
		t.Errorf("status %d, %q, %q, want %q", status, out, stderr, want)
	}
	made := makeWebhook(t, server.URL)
	id := made.ID
	for _, test := range []struct {
		args   string
		status int
		out    []string // texts on stdout
		err    string   // on stderr
	}{
		{"subscriptions", 0, []string{"ID  ", "  LAG  ", id + "  active  sensor/#  https://app.example.invalid"}, ""},
		{"subscriptions list", 0, []string{"ID  ", "  LAG  ", id + "  active  sensor/#  https://app.example.invalid"}, ""},
		{"subscriptions list x", 2, nil, `"x": want flags only`},
		{"subscriptions -o yaml", 0, []string{`- id: "` + id, "lagSeconds: 0"}, ""},
		{"subscriptions get " + id, 0, []string{"state         active\n", "lag           0s\n", "batch         {", "handshake     none\n", "signature     v1\n"}, ""},
		{"subscriptions pause " + id, 0, []string{"state         paused\n"}, ""},
		{"subscriptions resume " + id + " -o json", 0, []string{`"state":"active"`}, ""},
		{"subscriptions rotate " + id, 0, []string{"SECRET", "whsec_"}, ""},
		{"subscriptions get", 2, nil, "ID is missing: datastub subscriptions lists them"},
		{"subscriptions get a b", 2, nil, "2 arguments: want one ID"},
		{"subscriptions get nobody", 4, nil, "there is no subscription with this id"},
		{"subscriptions puase " + id, 2, nil, `"puase" is no command (did you mean pause?)`},
		{"subscriptions create --callback " + callback, 2, nil, "--topic is missing"},
		{"subscriptions create --topic a", 2, nil, "--callback is missing"},
		{"subscriptions create --topic a//b --callback " + callback, 2, nil, `filter "a//b" has an empty level`},
		{"subscriptions create --topic a --callback " + callback + " --batch {", 2, nil, "--batch {: want JSON"},
		{"subscriptions create --topic a --callback " + callback + " --since 1h --after earliest", 2, nil, "want one of them"},
		{"subscriptions create --topic a --callback http://127.0.0.1/x", 4, nil, "loopback"},
		{"subscriptions create --topic a --callback " + callback + " --signature v1a", 0, []string{"PUBLIC KEY", "whpk_"}, ""},
		{"subscriptions create --topic a --callback " + callback + " --signature v2", 4, nil, `signature "v2": want v1 or v1a`},
		{"subscriptions create --topic a --callback " + callback + " --handshake cloudevents", 0, []string{"SECRET", "whsec_"}, ""},
		{"subscriptions create --topic a --callback " + callback + " --handshake options", 4, nil, `handshake "options": want none or cloudevents`},
		{"subscriptions create x", 2, nil, `"x": want flags only`},
		{"subscriptions delete " + id, 0, nil, id + " is deleted"},
		{"subscriptions delete " + id, 4, nil, "there is no subscription with this id"},
	} {
		status, out, stderr := runTo(t, server.URL, "", strings.Fields(test.args)...)
		if status != test.status || !strings.Contains(stderr, test.err) || test.err == "" && stderr != "" {
			t.Errorf("%s: status %d, %q, want %d, %q", test.args, status, stderr, test.status, test.err)
		}
		for _, want := range test.out {
			if !strings.Contains(out, want) {
				t.Errorf("%s:\n%swant %q", test.args, out, want)
			}
		}
		if strings.Contains(out+stderr, "s3cret") {
			t.Errorf("%s shows the whole callback:\n%s%s", test.args, out, stderr)
		}
	}
}

func TestWindowsText(t *testing.T) {
	t.Parallel()
	oldest := time.Date(2026, 8, 1, 12, 0, 0, 0, time.Local)
	for want, s := range map[string]*client.WindowStatus{
		"": nil,
		"open of 0 of 2 publishers; messages late: 1, too far ahead: 0": {Publishers: 2, Late: 1},
		"open of 1 of 3 publishers, the oldest from 2026-08-01 12:00:00 on, of edge-1/modbus; messages late: 0, too far ahead: 4": {
			Publishers: 3, Open: 1, Oldest: oldest, OldestPublisher: "edge-1/modbus", Untimed: 4,
		},
	} {
		if got := windowsText(s); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCompleteSubscriptions(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	id := makeWebhook(t, server.URL).ID
	server.Bury(deadLetter(id, 1))
	for args, want := range map[string]string{
		"subscriptions p":                     "pause",
		"subscriptions get ":                  id,
		"subscriptions delete sub_":           id,
		"subscriptions delete x":              "",
		"subscriptions get a ":                "",
		"deadletters --subscription ":         id,
		"deadletters --reason ":               "refused exhausted",
		"subscriptions create --signature ":   "v1 v1a",
		"deadletters redrive ":                deadLetter(id, 1).ID,
		"deadletters drop --subscription sub": id,
	} {
		if got, _ := completed(t, server.URL, strings.Split(args, " ")...); strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}
