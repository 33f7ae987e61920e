package cloudsvc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"datastub/dataplane"
)

// A testStream is an open /subscribe.
type testStream struct {
	body  io.ReadCloser
	lines *bufio.Reader
}

func (s *testService) subscribe(t *testing.T, filter string) *testStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	body := strings.NewReader(fmt.Sprintf(`{"topic":%q}`, filter))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/subscribe", body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	for key, want := range map[string]string{"Content-Type": "application/x-ndjson", "X-Accel-Buffering": "no"} {
		if got := response.Header.Get(key); got != want || response.StatusCode != http.StatusOK {
			t.Fatalf("%d, %s %q, want 200, %q", response.StatusCode, key, got, want)
		}
	}
	return &testStream{response.Body, bufio.NewReaderSize(response.Body, 256<<10)}
}

// next returns the stream's next line, decoded.
func (s *testStream) next(t *testing.T) map[string]any {
	t.Helper()
	line, err := s.lines.ReadBytes('\n')
	if err != nil {
		t.Fatalf("line %q: %v", line, err)
	}
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatalf("line %q: %v", line, err)
	}
	return fields
}

// nextPosition returns the position of the stream's next line, which may be long.
func (s *testStream) nextPosition(t *testing.T) string {
	t.Helper()
	line, err := s.lines.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	return string(positionIn(line))
}

// deliver gives the dispatcher one message.
func (s *testService) deliver(block uint64, topic string, value dataplane.Value) {
	m := testMessage(topic)
	m.Value = value
	s.dispatcher.Deliver(m.Class, block, []dataplane.Message{m}, nil)
}

func (s *testService) streams() int {
	s.dispatcher.mu.Lock()
	defer s.dispatcher.mu.Unlock()
	return len(s.dispatcher.subscriptions)
}

func TestStreamDelivers(t *testing.T) {
	s := startService(t, nil)
	stream := s.subscribe(t, "sensor/+")
	if a := s.do(t, "POST", "/publish", `[
		{"topic":"other/a","value":0},
		{"topic":"sensor/a","value":21.5,"unit":"°C","class":"RT","device":"d"}]`); a.status != http.StatusAccepted {
		t.Fatal(a)
	}
	got := stream.next(t)
	position, err := ParsePosition(got["position"].(string))
	if err != nil || position != (Position{Incarnation: 1, BT: Place{1, 1}}) {
		t.Errorf("position %v, %v", position, err)
	}
	for key, want := range map[string]any{
		"id": "http/anonymous/RT/1/100001", "topic": "sensor/a", "value": 21.5, "unit": "°C", "device": "d",
		"time": "2026-08-01T12:00:00Z", "quality": "good",
	} {
		if got[key] != want {
			t.Errorf("%s: got %v, want %v", key, got[key], want)
		}
	}
}

func TestStreamToManySubscribers(t *testing.T) {
	const subscribers, messages = 200, 50
	s := startService(t, nil)
	var all sync.WaitGroup
	for range subscribers {
		stream := s.subscribe(t, "#")
		all.Go(func() {
			for want := range messages {
				line, err := stream.lines.ReadString('\n')
				if err != nil || !strings.Contains(line, fmt.Sprintf(`"value":%d,`, want)) {
					t.Errorf("message %d: %q, %v", want, line, err)
					return
				}
			}
		})
	}
	for i := range messages {
		s.deliver(uint64(i+1), "sensor/a", dataplane.IntValue(int64(i)))
	}
	all.Wait()
}

func TestStreamEndsWhenTheClientLeaves(t *testing.T) {
	s := startService(t, nil)
	stream := s.subscribe(t, "#")
	if s.streams() != 1 {
		t.Fatalf("%d streams, want 1", s.streams())
	}
	if err := stream.body.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no stream is left", func() bool { return s.streams() == 0 })
}

func TestStreamLastLineAtShutdown(t *testing.T) {
	s := startService(t, nil)
	stream := s.subscribe(t, "sensor/a")
	s.deliver(7, "sensor/a", dataplane.IntValue(1))
	s.deliver(8, "sensor/b", dataplane.IntValue(1)) // which it need not look for again
	s.stop()
	_, last := stream.next(t), stream.next(t)
	want := s.dispatcher.reached()
	if last["type"] != "urn:datastub:problem:stream-ended" || last["reason"] != "cloudsvc is shutting down" ||
		last["position"] != want.String() {
		t.Errorf("last line %v, want the position %v", last, want)
	}
	if line, err := stream.lines.ReadString('\n'); !errors.Is(err, io.EOF) {
		t.Errorf("after the last line: %q, %v", line, err)
	}
}

// TestStreamKeepsTheSlow has one subscriber that reads nothing for a while and
// one that keeps up: both get everything.
func TestStreamKeepsTheSlow(t *testing.T) {
	const messages = 100
	s := startService(t, nil)
	slow, quick := s.subscribe(t, "#"), s.subscribe(t, "#")
	text := dataplane.StringValue(strings.Repeat("x", 256<<10))
	var positions []string
	for n := range messages {
		s.deliver(uint64(n+1), "sensor/a", text)
		positions = append(positions, quick.nextPosition(t))
	}
	for n, want := range positions {
		if got := slow.nextPosition(t); got != want {
			t.Fatalf("line %d: got position %v, want %v", n, got, want)
		}
	}
}

// TestShutdownDoesNotWaitForTheStuck has a subscriber whose last lines cannot
// be written, as it never reads.
func TestShutdownDoesNotWaitForTheStuck(t *testing.T) {
	s := startService(t, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{\"topic\":\"#\"}"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is subscribed", func() bool { return s.streams() == 1 })
	text := dataplane.StringValue(strings.Repeat("x", 256<<10))
	for block := range uint64(100) {
		s.deliver(block+1, "sensor/a", text)
	}
	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(testTimeout):
		t.Fatal("still running")
	}
}

// TestStreamGivesUpOnTheStuck has a subscriber that never reads and more lines
// than any socket's buffer holds.
func TestStreamGivesUpOnTheStuck(t *testing.T) {
	d := newTestDispatcher()
	subscription := subscribeTo(t, d, "#")
	defer subscription.Close()
	ended := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stream := newStream(w, ndjson{})
		stream.timeout = 10 * time.Millisecond
		var err error
		for i := uint64(1); err == nil; i++ {
			m := testMessage("a")
			m.Value = dataplane.StringValue(strings.Repeat("x", 256<<10))
			d.Deliver(m.Class, i, []dataplane.Message{m}, nil)
			lines, _, _ := subscription.take()
			err = stream.write(lines)
		}
		ended <- err
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("ended with %v, want the deadline", err)
		}
	case <-time.After(testTimeout):
		t.Fatal("still writing")
	}
}

// deadlines is a response that knows how much is written under one deadline.
type deadlines struct {
	httptest.ResponseRecorder
	under, most int // bytes
}

func (d *deadlines) SetWriteDeadline(time.Time) error { d.under = 0; return nil }

func (d *deadlines) Write(b []byte) (int, error) {
	d.under += len(b)
	d.most = max(d.most, d.under)
	return len(b), nil
}

// TestStreamIsPatient has lines that are large: who reads slowly has the time
// for each of their chunks.
func TestStreamIsPatient(t *testing.T) {
	t.Parallel()
	w := new(deadlines)
	text := bytes.Repeat([]byte("x"), 1<<20)
	if err := newStream(w, ndjson{}).write([][]byte{text[:writeChunk-1], text, text[:1]}); err != nil {
		t.Fatal(err)
	}
	if w.most >= 2*writeChunk {
		t.Errorf("%d bytes under one deadline, want less than %d", w.most, 2*writeChunk)
	}
}

func TestStreamToCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal("curl is missing: make deps installs it")
	}
	s := startService(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	// -d sends application/x-www-form-urlencoded; the body is JSON all the same.
	cmd := exec.CommandContext(ctx, curl, "-sN", "-d", `{"topic":"sensor/temperature"}`, s.url+"/subscribe")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "curl is subscribed", func() bool { return s.streams() == 1 })
	s.deliver(1, "sensor/temperature", dataplane.DoubleValue(21.5))
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.Contains(line, `"value":21.5`) {
		t.Errorf("curl printed %q, %v", line, err)
	}
	cancel()
	_ = cmd.Wait() // it was killed
	eventually(t, "curl is unsubscribed", func() bool { return s.streams() == 0 })
}
