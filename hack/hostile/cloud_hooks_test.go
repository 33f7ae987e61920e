package hostile

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"datastub/hack/stack"
)

// TestCloudHooks has cloudsvc deliver to receivers that do it harm, beside one that
// does not.
func TestCloudHooks(t *testing.T) {
	t.Parallel()
	s := besiege(t, "--webhook-allow", "127.0.0.1")
	t.Run("answers", s.hostileAnswers)
	t.Run("1 MB messages, and who does not read", s.deafReceivers)
	t.Run("a host that hangs", func(t *testing.T) { s.brokenHost(t, 500, receive(t, hang)) })
	// Each has goroutines, of which the race detector allows 8128.
	t.Run("a host that is not there", func(t *testing.T) { s.brokenHost(t, 1000, "http://127.0.0.1:"+stack.FreePort(t)) })
	s.holds(2000)
}

// hook makes a subscription and returns its id.
func (s *siege) hook(t *testing.T, topic, callback string) (id string) {
	t.Helper()
	resp, err := http.Post(s.URL()+"/v1/subscriptions", "application/json",
		strings.NewReader(fmt.Sprintf(`{"topic":%q,"callback":%q}`, topic, callback)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var made struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("subscribe to %s: %s, %v", topic, resp.Status, err)
	}
	return made.ID
}

// unhook deletes a subscription.
func (s *siege) unhook(t *testing.T, id string) {
	t.Helper()
	dial(t, s.HTTP).send("DELETE /v1/subscriptions/"+id+" HTTP/1.1\r\nHost: a\r\n\r\n").want(http.StatusNoContent, "")
}

// fault returns why the last try of a subscription failed.
func (s *siege) fault(t *testing.T, id string) string {
	t.Helper()
	resp, err := http.Get(s.URL() + "/v1/subscriptions/" + id)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var shown struct{ Status struct{ LastError string } }
	if err := json.NewDecoder(resp.Body).Decode(&shown); err != nil {
		t.Fatal(err)
	}
	return shown.Status.LastError
}

// good starts a receiver that takes all, and returns its URL and how many
// requests came.
func good(t *testing.T) (url string, came *atomic.Int64) {
	t.Helper()
	came = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			came.Add(1)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, came
}

// receive starts a receiver that does anything with its connections. Each is
// closed when the test has ended, or the function returns.
func receive(t *testing.T, with func(net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	var receiving sync.WaitGroup
	receiving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			receiving.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
				with(conn)
			})
		}
	})
	t.Cleanup(func() {
		end()
		_ = l.Close()
		receiving.Wait()
	})
	return "http://" + l.Addr().String()
}

// repeat says something again and again until nobody listens.
func repeat(conn net.Conn, text string, pause time.Duration) {
	tick := time.NewTicker(max(pause, 1))
	defer tick.Stop()
	for {
		if _, err := io.WriteString(conn, text); err != nil {
			return
		}
		if pause > 0 {
			<-tick.C
		}
	}
}

// say begins an answer when a request has come, and lets nobody know what else
// does.
func say(conn net.Conn, text string) {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err == nil {
		_, err = io.Copy(io.Discard, request.Body)
	}
	if err == nil {
		_, _ = io.WriteString(conn, text)
	}
}

// hang takes what comes, and says nothing.
func hang(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// hostileAnswers holds cloudsvc to what it says of each receiver, and to what a
// receiver beside them gets.
func (s *siege) hostileAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	wants := make(map[string]string) // the fault, by subscription
	for _, tt := range []struct {
		with  func(net.Conn)
		fault string
	}{
		{hang, "no answer in time"},
		{func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, "connection broke off before the answer"},
		{func(c net.Conn) { say(c, ok+"X-Slow: "); repeat(c, "y", 100*time.Millisecond) }, "no answer in time"},
		{func(c net.Conn) { say(c, ok); repeat(c, "X-Many: y\r\n", 0) }, "no answer that is HTTP"},
		{func(c net.Conn) { say(c, "\x16\x03\x01\x02\x00"); repeat(c, "garbage\r\n", 0) }, "no answer that is HTTP"},
		{func(c net.Conn) { say(c, "HTTP/1.1 500 E\r\n\r\n"); repeat(c, "never ends", 0) }, "answered 500"},
		{func(c net.Conn) { say(c, ""); repeat(c, "HTTP/1.1 100 Continue\r\n\r\n", 0) }, "no answer that is HTTP"},
		{func(c net.Conn) {
			say(c, "HTTP/1.1 429 E\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n")
			hang(c)
		}, "answered 429"},
	} {
		wants[s.hook(t, "answers", receive(t, tt.with))] = tt.fault
	}
	endless := s.hook(t, "answers", receive(t, func(c net.Conn) { say(c, ok+"\r\n"); repeat(c, "never ends", 0) }))
	url, came := good(t)
	s.hook(t, "answers", url)
	const many = 50
	for n := range many {
		dial(t, s.HTTP).send(post("/publish", fmt.Sprintf(`{"topic":"answers","class":"RT","value":%d}`, n))).want(202, "ids")
	}
	stack.Eventually(t, "all messages at the receiver that does no harm", func() bool { return came.Load() == many })
	for id, want := range wants {
		fault := ""
		stack.Eventually(t, "a fault of the receiver: "+want, func() bool { fault = s.fault(t, id); return fault != "" })
		if !strings.Contains(fault, want) {
			t.Errorf("the fault is %q, want %q", fault, want)
		}
		s.unhook(t, id)
	}
	if fault := s.fault(t, endless); fault != "" {
		t.Errorf("the fault of an answer that says 200 and never ends is %q, want none", fault)
	}
	s.unhook(t, endless)
	s.flows("beside hostile receivers")
}

// deafReceivers publishes 60 MB to receivers that take a connection and read
// nothing.
func (s *siege) deafReceivers(t *testing.T) {
	url, came := good(t)
	s.hook(t, "large", url)
	release := make(chan struct{})
	deaf := receive(t, func(net.Conn) { <-release })
	t.Cleanup(func() { close(release) })
	for range 20 {
		s.hook(t, "large", deaf)
	}
	publisher := dial(t, s.HTTP)
	const many = 60
	text := bytes.Repeat([]byte("1 MB of text, "), 1_000_000/14)
	for n := range many {
		publisher.send(post("/publish", fmt.Sprintf(`{"topic":"large","class":"RT","value":"%d %s"}`, n, text))).want(202, "ids")
	}
	stack.Eventually(t, "all messages at the receiver that reads", func() bool { return came.Load() == many })
	s.flows("beside receivers that do not read")
}

// brokenHost makes subscriptions to a host that does not take what it is sent. It
// is tried by 64 at once, and soon, as all of them fail, by nobody.
func (s *siege) brokenHost(t *testing.T, many int, host string) {
	t.Helper()
	topic := strings.TrimPrefix(host, "http://127.0.0.1:")
	for n := range many {
		s.hook(t, topic, fmt.Sprintf("%s/%d", host, n))
	}
	const tried, skipped = `datastub_cloudsvc_webhook_tries_total{outcome="retry"}`, `datastub_cloudsvc_webhook_tries_total{outcome="skipped"}`
	triedBefore, skippedBefore, flying := s.metric(t, tried), s.metric(t, skipped), 0.0
	dial(t, s.HTTP).send(post("/publish", fmt.Sprintf(`{"topic":%q,"class":"RT","value":1}`, topic))).want(202, "ids")
	stack.Eventually(t, "each subscription has tried, or been told not to", func() bool {
		flying = max(flying, s.metric(t, "datastub_cloudsvc_webhook_in_flight_tries"))
		return s.metric(t, tried)+s.metric(t, skipped) >= triedBefore+skippedBefore+float64(many)
	})
	const most = 64 + 10 // those of one host, and few of others
	if n := s.metric(t, tried) - triedBefore; n > 2*most || flying > most {
		t.Errorf("a host was tried %v times, by %v at once: want %v at once at most, and hardly more in all", n, flying, most)
	}
	s.flows("beside a host that does not work")
}
