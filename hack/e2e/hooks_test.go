package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// followEvents has curl follow a topic as a browser does: it comes back with the
// id of the last event.
func followEvents(t *testing.T, s *stack.Stack, topic string) *follower {
	t.Helper()
	f := &follower{}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for id := client.Earliest; ctx.Err() == nil; pass(ctx, 100*time.Millisecond) {
			cmd := exec.CommandContext(ctx, "curl", "-sN", "-H", "Accept: text/event-stream", "-H", "Last-Event-ID: "+id,
				s.URL()+"/v1/messages?topic="+url.QueryEscape(topic))
			stream, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Errorf("curl: %v", err)
				return
			}
			eachEvent(t, stream, func(at string, m dataplane.Message) { id = at; f.add(m) })
			_ = cmd.Wait() // cloudsvc was killed, or is not there
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return f
}

// TestHooks kills cloudsvc again and again, at any moment, while it delivers to
// fifty durable subscriptions and five streams: each message that a mapper
// accepted comes at least once by each webhook, under one id and in its device's
// order, none is a dead letter, and it comes exactly once by each stream.
func TestHooks(t *testing.T) {
	s := stack.New(t, allowLoopback...)
	dir, err := os.MkdirTemp("", "datastub-") // t.TempDir's path may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "publish.sock")
	mapper := s.StartMapper("edge-1", nil, "  socket: "+socket)

	filters := []string{"load/1", "load/#", "+/2", "load", "load/+"}
	var receivers []*receiver
	for i := range 50 {
		receivers = append(receivers, startReceiver(t, s, filters[i%len(filters)], 1+i%4, i%7 == 0))
	}
	streams := make(map[string]*follower)
	for _, filter := range filters[1:] {
		streams[filter] = follow(t, s, filter)
	}
	streams["#"] = followEvents(t, s, "#")
	publisher, stop := startPublisher(t, socket, load{branches: 3, pause: 250 * time.Millisecond})
	for range *falls {
		before := publisher.accepted.Load()
		pass(t.Context(), rand.N(time.Second))
		s.Cloudsvc.Kill()
		if rand.IntN(4) == 0 { // as it starts, too
			s.LaunchCloudsvc()
			pass(t.Context(), rand.N(500*time.Millisecond))
			s.Cloudsvc.Kill()
		}
		s.StartCloudsvc()
		stack.Eventually(t, "values are accepted", func() bool { return publisher.accepted.Load() > before })
	}
	stop()

	accepted := publisher.read()
	for _, r := range receivers {
		r.awaitAll(t, matching(accepted, r.filter))
	}
	for filter, f := range streams {
		checkStream(t, filter, f, accepted)
	}
	for id, letter := range deadLetters(t, newClient(t, s), "") {
		t.Errorf("%s is a dead letter: %+v", id, letter)
	}
	mapper.Stop()
	s.Cloudsvc.Stop()
	had, again := 0, 0
	for _, r := range receivers {
		n, more := r.check(t, matching(accepted, r.filter))
		had, again = had+n, again+more
	}
	t.Logf("%d accepted, %d delivered, %d again", len(accepted), had, again)
}

// checkStream waits until a stream has given all that was accepted, once and in
// order.
func checkStream(t *testing.T, filter string, f *follower, accepted map[dataplane.ID]acceptance) {
	t.Helper()
	parsed, err := dataplane.ParseFilter(filter)
	if err != nil {
		t.Fatal(err)
	}
	of := matching(accepted, parsed)
	await(t, fmt.Sprintf("all %d of the stream of %s", len(of), filter), func() bool { return f.count() >= len(of) })
	none(t, "the stream of "+filter, missing(t, "the stream of "+filter, of, f.messages()))
}
