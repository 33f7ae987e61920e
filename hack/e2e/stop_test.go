package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// slowness is how long a slowReceiver takes for an answer at most: far less than
// what cloudsvc waits for it as it stops.
const slowness = 500 * time.Millisecond

// A slowReceiver is a receiver that takes its time, refuses some for ever, and
// never answers for the RT messages of one topic.
type slowReceiver struct {
	*receiver
	stuck    atomic.Pointer[string] // the topic
	stopping *atomic.Bool           // cloudsvc was told to stop

	open, hung, late, refused atomic.Int64 // requests: under way, without an answer for ever, answered while it stops, answered with 400
}

func startSlowReceiver(t *testing.T, s *stack.Stack, filter string, stopping *atomic.Bool) *slowReceiver {
	t.Helper()
	r := &slowReceiver{receiver: newReceiver(t, filter), stopping: stopping}
	r.stick("")
	r.subscribe(t, s, r, 8)
	return r
}

// stick gives the topic that no request is answered for from now on.
func (r *slowReceiver) stick(topic string) { r.stuck.Store(&topic) }

// ServeHTTP takes a request, as what it refuses is done, too.
func (r *slowReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // cloudsvc broke it off
	}
	messages, err := readDelivery(body)
	if err != nil {
		r.problem("body %.300s: %v", body, err)
		return
	}
	if messages[0].Class == dataplane.RT && messages[0].Topic == *r.stuck.Load() {
		r.hung.Add(1)
		defer r.hung.Add(-1)
		<-req.Context().Done()
		return
	}
	r.open.Add(1)
	defer r.open.Add(-1)
	if pass(req.Context(), rand.N(slowness)); req.Context().Err() != nil {
		r.problem("%s was broken off", req.Header.Get("webhook-id"))
		return
	}
	if r.stopping.Load() {
		r.late.Add(1)
	}
	if rand.IntN(20) == 0 {
		r.refused.Add(1)
		w.WriteHeader(http.StatusBadRequest)
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	r.receiver.ServeHTTP(w, req)
}

// TestStops stops cloudsvc again and again, at any moment, while it delivers to
// receivers of which each has one device that is stuck: what was answered, also
// while it stopped, comes once, each device's in order, none is missing, and of
// each message that was refused there is one dead letter and one event.
func TestStops(t *testing.T) {
	s := stack.New(t, allowLoopback...)
	dir, err := os.MkdirTemp("", "datastub-") // t.TempDir's path may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "publish.sock")
	mapper := s.StartMapper("edge-1", nil, "  socket: "+socket)

	var stopping atomic.Bool
	var receivers []*slowReceiver
	for _, filter := range []string{"load/#", "load/#", "load/+", "+/2", "load"} {
		receivers = append(receivers, startSlowReceiver(t, s, filter, &stopping))
	}
	events := follow(t, s, "$events/subscription")
	of := load{branches: 8, pause: 100 * time.Millisecond}
	publisher, stop := startPublisher(t, socket, of)
	sum := func(of func(*slowReceiver) int64) (n int64) {
		for _, r := range receivers {
			n += of(r)
		}
		return n
	}
	longest := time.Duration(0)
	for n := range *stops {
		if n > 0 {
			s.StartCloudsvc()
		}
		for _, r := range receivers {
			r.stick(of.topic(rand.IntN(of.branches + 1)))
		}
		stack.Eventually(t, "requests are under way, and some hang", func() bool {
			return sum(func(r *slowReceiver) int64 { return r.open.Load() }) > 2 && sum(func(r *slowReceiver) int64 { return r.hung.Load() }) > 0
		})
		pass(t.Context(), rand.N(time.Second))
		stopping.Store(true)
		began := time.Now()
		s.Cloudsvc.Stop()
		longest = max(longest, time.Since(began))
		stopping.Store(false)
	}
	for _, r := range receivers {
		r.stick("")
	}
	s.StartCloudsvc()
	stop()

	accepted := publisher.read()
	had, again := 0, 0
	for _, r := range receivers {
		r.awaitAll(t, matching(accepted, r.filter))
	}
	c := newClient(t, s)
	for _, r := range receivers {
		r.checkDead(t, c, events)
	}
	mapper.Stop()
	s.Cloudsvc.Stop()
	for _, r := range receivers {
		n, more := r.check(t, matching(accepted, r.filter))
		had, again = had+n, again+more
	}
	late, refused := sum(func(r *slowReceiver) int64 { return r.late.Load() }), sum(func(r *slowReceiver) int64 { return r.refused.Load() })
	if again > 0 || late == 0 {
		t.Errorf("%d came again, want none; %d were answered while cloudsvc stopped, want some", again, late)
	}
	t.Logf("%d accepted, %d delivered, %d of them refused, %d answered in %d stops, the longest of %v", len(accepted), had, refused, late, *stops, longest)
}

// checkDead fails unless each request that was refused comes to be a dead letter,
// and is told of once.
func (r *slowReceiver) checkDead(t *testing.T, c *client.Client, events *follower) {
	t.Helper()
	want := int(r.refused.Load())
	told := make(map[string]int) // how often, by the id of a dead letter
	hook := path.Base(r.status)
	await(t, fmt.Sprintf("events of %d dead letters", want), func() bool {
		clear(told)
		for _, m := range events.messages() {
			var event struct{ Event, DeadLetter string }
			if err := json.Unmarshal([]byte(m.Value.String()), &event); err != nil {
				t.Fatal(err)
			}
			if m.Device == hook && event.Event == "deadletter" {
				told[event.DeadLetter]++
			}
		}
		return len(told) >= want
	})
	letters := deadLetters(t, c, hook)
	for _, d := range letters {
		if told[d.ID] != 1 {
			t.Errorf("it was told %d times that %s is dead, want once", told[d.ID], d.MessageID)
		}
	}
	if len(letters) != want || len(told) != want {
		t.Errorf("%d dead letters, %d told of, want %d", len(letters), len(told), want)
	}
}
