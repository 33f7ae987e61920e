package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"datastub/cloudsvc"
	"datastub/cloudsvc/client"
	"datastub/cloudsvc/client/clienttest"
)

// lastTry is not so long ago that a dead letter would be dropped for it.
var lastTry = time.Now()

// deadLetter is one of a subscription.
func deadLetter(subscription string, n int) *cloudsvc.DeadLetter {
	return &cloudsvc.DeadLetter{
		ID: fmt.Sprintf("dl_%024s", strings.Repeat(string(rune('a'+n%26)), 2+n/26)), Subscription: subscription, Topic: "sensor/#",
		MessageID: fmt.Sprintf("edge-1/mapper/RT/7/%d", n), Reason: cloudsvc.DeadRefused, Detail: "answered 400 \x1bBad Request",
		Status: 400, Tries: 1, First: lastTry, Last: lastTry, Message: json.RawMessage(`{"value":1}`),
	}
}

func TestDeadLetters(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	id := makeWebhook(t, server.URL).ID
	var letters []string
	for n := range 5 {
		d := deadLetter(id, n)
		d.ID = strings.ReplaceAll(d.ID, "0", "a")
		letters = append(letters, d.ID)
		server.Bury(d)
	}
	gone := deadLetter("sub_"+strings.Repeat("a", 26), 9)
	gone.ID = strings.ReplaceAll(gone.ID, "0", "a")
	server.Bury(gone)
	at := lastTry.Local().Format("2006-01-02 15:04:05")
	for _, test := range []struct {
		args   string
		status int
		out    string // on stdout
		err    string // on stderr
	}{
		{"deadletters", 0, letters[0] + "  " + id + "  edge-1/mapper/RT/7/0  refused  1      " + at + "  answered 400 \ufffdBad Request\n", ""},
		{"deadletters --limit 2 -o json", 0, `"messageId":"edge-1/mapper/RT/7/1"`, "there are more: see --limit"},
		{"deadletters --reason exhausted", 0, "", "there are no dead letters"},
		{"deadletters --reason tired", 4, "", `reason "tired": want refused or exhausted`},
		{"deadletters --limit -1", 2, "", "--limit -1: want 0, for 100, or more"},
		{"deadletters --subscription x", 4, "", `subscription "x": want the id of a subscription`},
		{"deadletters redirve", 2, "", `"redirve" is no command (did you mean redrive?)`},
		{"deadletters redrive", 2, "", "want the ID of one dead letter"},
		{"deadletters redrive a --subscription b", 2, "", "want the ID of one dead letter"},
		{"deadletters redrive a b", 2, "", "2 arguments: want one ID"},
		{"deadletters redrive nobody", 4, "", "there is no dead letter with this id"},
		{"deadletters redrive " + gone.ID, 4, "", "the subscription is gone"},
		{"deadletters drop " + gone.ID, 0, "", gone.ID + " is dropped"},
		{"deadletters drop " + gone.ID, 4, "", "there is no dead letter with this id"},
		{"deadletters redrive " + letters[0], 0, "", letters[0] + " is delivered"},
		{"deadletters redrive --subscription " + id, 0, "", "those of " + id + " are being redriven"},
		{"deadletters drop --subscription " + id, 0, "", "those of " + id + " are dropped"},
		{"deadletters", 0, "", "there are no dead letters"},
	} {
		status, out, stderr := runTo(t, server.URL, "", strings.Fields(test.args)...)
		if status != test.status || !strings.Contains(stderr, test.err) || test.err == "" && stderr != "" || !strings.Contains(out, test.out) {
			t.Errorf("%s: status %d, %q\n%swant %d, %q\n%s", test.args, status, stderr, out, test.status, test.err, test.out)
		}
	}
}

// TestDeadLettersArePaged lists more than an answer has.
func TestDeadLettersArePaged(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	for n := range 250 {
		d := deadLetter("sub_x", n)
		d.ID = fmt.Sprint(n)
		server.Bury(d)
	}
	for limit, want := range map[string]int{"0": 100, "100": 100, "220": 220, "250": 250, "1000": 250} {
		status, out, stderr := runTo(t, server.URL, "", "deadletters", "-o", "json", "--limit", limit)
		var all []client.DeadLetter
		if err := json.Unmarshal([]byte(out), &all); err != nil || status != 0 || len(all) != want || strings.Contains(stderr, "more") != (want < 250) {
			t.Errorf("--limit %s: status %d, %d, %q, %v, want %d", limit, status, len(all), stderr, err, want)
		}
	}
}
