package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// events has curl read so many events behind an id, and returns their messages
// and the last one's id.
func events(t *testing.T, s *stack.Stack, id string, limit int) (got []stack.Received, last string) {
	t.Helper()
	out, err := exec.Command("curl", "-sSN", "--max-time", "30", "-H", "Accept: text/event-stream", "-H", "Last-Event-ID: "+id,
		fmt.Sprintf("%s/v1/messages?topic=%%23&limit=%d", s.URL(), limit)).Output()
	if err != nil {
		t.Fatalf("curl: %v after %.300q", err, out)
	}
	eachEvent(t, bytes.NewReader(out), func(id string, m dataplane.Message) {
		got, last = append(got, stack.Received{Message: m}), id
	})
	return got, last
}

// eachEvent goes through the events of a stream that are whole and a message.
func eachEvent(t *testing.T, stream io.Reader, each func(id string, m dataplane.Message)) {
	t.Helper()
	id, kind, data := "", "", ""
	for lines := bufio.NewScanner(stream); lines.Scan(); {
		switch field, text, _ := strings.Cut(lines.Text(), ": "); field {
		case "id":
			id = text
		case "event": // which a message has not
			kind = text
		case "data":
			data = text
		case "": // the end of an event
			if data != "" && kind == "" {
				var m dataplane.Message
				if err := json.Unmarshal([]byte(data), &m); err != nil {
					t.Errorf("%s: %v", data, err)
				}
				each(id, m)
			}
			kind, data = "", ""
		}
	}
}

// TestLastEventID has curl come back as a browser does, while cloudsvc is
// stopped and killed: no value is missing and none comes twice.
func TestLastEventID(t *testing.T) {
	s := stack.New(t)
	s.StartMapper("edge-1", map[string]string{"a.yaml": stack.VirtualDevice("counter-1")})
	var all []stack.Received
	id := client.Earliest
	for _, restart := range []func(){s.Cloudsvc.Stop, func() { s.Cloudsvc.Kill() }, func() { s.Cloudsvc.Kill() }, func() {}} {
		for range 3 {
			var got []stack.Received
			got, id = events(t, s, id, 40)
			if all = append(all, got...); len(got) != 40 {
				t.Fatalf("got %d events, want 40", len(got))
			}
		}
		if restart(); !s.Cloudsvc.Running() {
			s.StartCloudsvc()
		}
	}
	stack.CheckUnbroken(t, "curl", all)
}

// TestFlood publishes 200,000 values at once to a healthy subscriber: it has
// all of them in the end, in order.
func TestFlood(t *testing.T) {
	const requests, perRequest = 20, 10_000
	s := stack.New(t)
	var came atomic.Int64
	var wrong sync.Once
	s.EachLine("flood", func(line []byte) {
		if want := fmt.Appendf(nil, `"value":%d,`, came.Load()); !bytes.Contains(line, want) {
			wrong.Do(func() { t.Errorf("line %s: want %s", line, want) })
		}
		came.Add(1)
	})
	c := newClient(t, s)
	for n := range requests {
		messages := make([]dataplane.Message, perRequest)
		for i := range messages {
			messages[i] = dataplane.Message{Topic: "flood", Value: dataplane.IntValue(int64(n*perRequest + i))}
		}
		if _, err := c.Publish(context.Background(), messages...); err != nil {
			t.Fatal(err)
		}
	}
	stack.Eventually(t, "all values", func() bool { return came.Load() >= requests*perRequest })
	if strings.Contains(s.Cloudsvc.Log.String(), "cut off") {
		t.Errorf("the subscriber was cut off:\n%s", s.Cloudsvc.Log)
	}
}
