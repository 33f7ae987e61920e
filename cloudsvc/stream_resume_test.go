package cloudsvc

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
)

// get opens a stream by GET /v1/messages, with headers, and returns the
// answer's status and header, and its body.
func (s *testService) get(t *testing.T, query string, headers ...string) (int, http.Header, *bufio.Reader) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/messages?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response.StatusCode, response.Header, bufio.NewReader(response.Body)
}

// TestEventStream reads Server-Sent Events and resumes them, as EventSource
// does, by Last-Event-ID, which counts more than the query.
func TestEventStream(t *testing.T) {
	s := startService(t, nil)
	for n := range 3 {
		s.deliver(uint64(n+1), "a", dataplane.IntValue(int64(n)))
	}
	_, header, body := s.get(t, "topic=a&after=earliest", "Accept", "text/event-stream")
	if got := header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type %q", got)
	}
	next := func(body *bufio.Reader, field string) string {
		t.Helper()
		line, err := body.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, field) {
			t.Fatalf("got %q, %v, want %q", line, err, field)
		}
		return strings.TrimSuffix(strings.TrimPrefix(line, field), "\n")
	}
	begin := func(body *bufio.Reader) { next(body, "retry: 2000"); next(body, "\n") }
	begin(body)
	var id string
	for n := range 2 {
		id = next(body, "id: ")
		if data := next(body, "data: "); !strings.Contains(data, fmt.Sprintf(`"value":%d,`, n)) || !strings.HasSuffix(data, `"position":"`+id+`"}`) {
			t.Errorf("event %s: %s", id, data)
		}
		next(body, "\n")
	}
	_, _, body = s.get(t, "topic=a&since=1h", "Accept", "text/event-stream", "Last-Event-ID", id)
	begin(body)
	next(body, "id: ")
	if data := next(body, "data: "); !strings.Contains(data, `"value":2,`) {
		t.Errorf("resumed with %s", data)
	}
	next(body, "\n")
	s.stop()
	next(body, "event: stream-ended")
}

// TestMessagesLimit ends a stream after so many lines.
func TestMessagesLimit(t *testing.T) {
	s := startService(t, nil)
	for n := range 3 {
		s.deliver(uint64(n+1), "a", dataplane.IntValue(int64(n)))
	}
	_, header, body := s.get(t, "topic=a&after=earliest&limit=2")
	lines := 0
	for scanner := bufio.NewScanner(body); scanner.Scan(); lines++ {
	}
	if lines != 2 || header.Get("Last-Event-ID") == "" {
		t.Errorf("got %d lines, %v", lines, header)
	}
}

// TestMessagesRefused has wrong parameters, which are named.
func TestMessagesRefused(t *testing.T) {
	s := startService(t, nil)
	good := Position{Incarnation: 1}.String()
	for query, want := range map[string]string{
		"topic=a//b":                            `"field":"topic"`,
		"topic=a&after=x":                       `"field":"after"`,
		"topic=a&since=0":                       `"field":"since"`,
		"topic=a&since=-1h":                     `"field":"since"`,
		"topic=a&since=2026":                    `"field":"since"`,
		"topic=a&since=2999-01-01T00:00:00Z":    `since \"2999-01-01T00:00:00Z\": want a time that is not in the future: here it is 20`,
		"topic=a&limit=x":                       `"field":"limit"`,
		"topic=a&since=1h&after=" + good:        `since and after are both given`,
		"topic=a&last=1":                        `"field":"query"`,
		"topic=a&after=" + url.QueryEscape("é"): `"field":"after"`,
	} {
		if a := s.do(t, "GET", "/v1/messages?"+query, ""); a.status != http.StatusBadRequest || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s, want %s", query, a.status, a.body, want)
		}
	}
	if status, _, _ := s.get(t, "topic=a", "Last-Event-ID", "?"); status != http.StatusBadRequest {
		t.Errorf("Last-Event-ID: %d, want 400", status)
	}
}

// TestSubscriptionHad keeps a position up to date of one who gets nothing.
func TestSubscriptionHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestDispatcher()
		s := subscribeTo(t, d, "a")
		d.Deliver(dataplane.BT, 4, []dataplane.Message{testMessage("b")}, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Next(ctx); err == nil {
			t.Error("a message came")
		}
		if at, ok := s.Had(); !ok || at.BT != endOf(4) {
			t.Errorf("had: got %+v, %v, want up to the end of block 4", at, ok)
		}
		d.Deliver(dataplane.BT, 5, []dataplane.Message{testMessage("a")}, nil)
		if _, ok := s.Had(); ok {
			t.Error("had all while a line is queued")
		}
	})
}
