package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// A moodyReceiver refuses all, or takes all and is slow.
type moodyReceiver struct {
	*httptest.Server

	mu       sync.Mutex
	takes    bool
	refused  map[string]bool // webhook-ids
	took     map[string]int  // likewise, and how often
	unmarked int             // requests that were not marked as out of order, of those that it took
}

func startMoodyReceiver(t *testing.T) *moodyReceiver {
	t.Helper()
	r := &moodyReceiver{refused: make(map[string]bool), took: make(map[string]int)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *moodyReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	id := req.Header.Get("webhook-id")
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.takes {
		r.refused[id] = true
		http.Error(w, "not today", http.StatusBadRequest)
		return
	}
	pass(req.Context(), 10*time.Millisecond)
	if r.took[id]++; req.Header.Get("DataStub-Redriven") != "true" {
		r.unmarked++
	}
}

func (r *moodyReceiver) takeAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.takes = true
}

// count returns how many messages it refused, and how many it took.
func (r *moodyReceiver) count() (refused, took int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.refused), len(r.took)
}

// deadLetters returns all, by the ids of their messages. One that is stored anew
// while they are listed may be listed twice.
func deadLetters(t *testing.T, c *client.Client, subscription string) map[string]client.DeadLetter {
	t.Helper()
	all := make(map[string]client.DeadLetter)
	for q := (client.DeadLetterQuery{Subscription: subscription, Limit: 7}); ; {
		list, err := c.DeadLetters(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list.DeadLetters {
			all[d.MessageID] = d
		}
		if q.Cursor = list.Next; q.Cursor == "" {
			return all
		}
	}
}

// TestDeadLetters has a receiver that refuses all, and takes it when it is mended,
// while cloudsvc is killed: each message is a dead letter once, and is delivered.
func TestDeadLetters(t *testing.T) {
	const messages = 60
	s := stack.New(t, allowLoopback...)
	c := newClient(t, s)
	r := startMoodyReceiver(t)
	events := follow(t, s, "$events/subscription")
	hook, err := c.CreateWebhook(t.Context(), client.NewWebhook{Topic: "load", Callback: r.URL, MaxInFlight: 3})
	if err != nil {
		t.Fatal(err)
	}
	for n := range messages {
		_, err := c.Publish(t.Context(), dataplane.Message{
			Topic: "load", Device: fmt.Sprintf("device-%d", n%4), Class: dataplane.RT, Value: dataplane.IntValue(int64(n)),
		})
		if err != nil {
			t.Fatal(err)
		}
		if n == messages/2 {
			s.Cloudsvc.Kill()
			s.StartCloudsvc()
		}
	}
	await(t, "all messages are dead", func() bool { return len(deadLetters(t, c, hook.ID)) == messages })
	for _, d := range deadLetters(t, c, hook.ID) {
		if d.Reason != "refused" || d.Status != http.StatusBadRequest || !strings.HasPrefix(d.Head, "not today") || d.Tries < 1 || d.Subscription != hook.ID {
			t.Errorf("dead letter %+v", d)
		}
	}

	if list, err := c.DeadLetters(t.Context(), client.DeadLetterQuery{Limit: 2 * messages}); err != nil || len(list.DeadLetters) != messages {
		t.Errorf("%d dead letters, %v, want %d", len(list.DeadLetters), err, messages)
	}

	s.Cloudsvc.Stop() // which stores how far the subscription is: a kill sends the last second's again
	s.StartCloudsvc()
	r.takeAll()
	redrive := func() {
		t.Helper()
		if err := c.RedriveDeadLetters(t.Context(), hook.ID); err != nil {
			t.Fatal(err)
		}
	}
	redrive()
	await(t, "some are redriven", func() bool { _, took := r.count(); return took >= messages/3 })
	s.Cloudsvc.Kill()
	s.StartCloudsvc()
	if _, took := r.count(); took+len(deadLetters(t, c, hook.ID)) < messages {
		t.Errorf("%d were taken and %d are dead, of %d", took, len(deadLetters(t, c, hook.ID)), messages)
	}
	redrive()
	await(t, "none is dead", func() bool { return len(deadLetters(t, c, hook.ID)) == 0 })

	if refused, took := r.count(); refused != messages || took != messages || r.unmarked != 0 {
		t.Errorf("refused %d, took %d, %d not marked, want %d and all marked", refused, took, r.unmarked, messages)
	}
	again := 0
	for id, n := range r.took {
		if again += n - 1; !r.refused[id] {
			t.Errorf("webhook-id %s was not refused before", id)
		}
	}
	if again > 1 { // what was on its way when cloudsvc was killed
		t.Errorf("%d came again, want 1 at most", again)
	}
	checkHookEvents(t, events, hook.ID)
}

// checkHookEvents checks what was told of a subscription.
func checkHookEvents(t *testing.T, f *follower, id string) {
	t.Helper()
	seen := make(map[string]int)
	await(t, "the last event", func() bool {
		clear(seen)
		for _, m := range f.messages() {
			var event struct{ Event string }
			if err := json.Unmarshal([]byte(m.Value.String()), &event); err != nil || m.Device != id {
				t.Errorf("event %v: %v", m.Value, err)
			}
			seen[event.Event]++
		}
		return seen["redriven"] > 0
	})
	if seen["created"] != 1 || seen["failing"] == 0 || seen["deadletter"] == 0 {
		t.Errorf("events %v, want one of each that happened", seen)
	}
}
