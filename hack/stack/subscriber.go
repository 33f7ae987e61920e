package stack

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"sync"
	"testing"
	"time"

	"datastub/dataplane"
)

// Received is a message and when it arrived.
type Received struct {
	dataplane.Message
	At time.Time
}

// A Subscriber is curl, reading a subscription line by line.
type Subscriber struct {
	mu  sync.Mutex
	got []Received
}

// Subscribe starts a subscriber, and returns when its stream is open.
func (s *Stack) Subscribe(topic string) *Subscriber {
	s.t.Helper()
	sub := &Subscriber{}
	s.EachLine(topic, func(line []byte) {
		r := Received{At: time.Now()}
		if err := json.Unmarshal(line, &r.Message); err != nil {
			s.t.Errorf("line %q: %v", line, err)
			return
		}
		sub.mu.Lock()
		defer sub.mu.Unlock()
		sub.got = append(sub.got, r)
	})
	return sub
}

// EachLine has curl read a subscription, and returns when its stream is open.
// Each is called with one line after the other by a goroutine of its own, which
// ends with the test, and must not keep them.
func (s *Stack) EachLine(topic string, each func(line []byte)) {
	s.t.Helper()
	cmd := exec.Command("curl", "-sN", "-D", "/dev/stderr", "-d", `{"topic":"`+topic+`"}`, s.URL()+"/subscribe")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	headers, err := cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { readLines(stdout, each) })
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		reading.Wait()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(headers).ReadString('\n'); err != nil || line != "HTTP/1.1 200 OK\r\n" {
		s.t.Fatalf("subscribe to %s: got %q, %v, want 200", topic, line, err)
	}
}

// readLines reads lines to the end of a stream. What it ends with is none without
// its newline: cloudsvc or curl was killed.
func readLines(stream io.Reader, each func(line []byte)) {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 4<<20)
	lines.Split(func(data []byte, _ bool) (advance int, line []byte, err error) {
		return bufio.ScanLines(data, false)
	})
	for lines.Scan() {
		each(lines.Bytes())
	}
}

// CheckUnbroken fails unless each series' sequences rise by one.
func CheckUnbroken(t *testing.T, who string, got []Received) {
	t.Helper()
	last := map[string]uint64{}
	for _, m := range got {
		series := m.Address()
		if seq, known := last[series]; known && m.Seq != seq+1 {
			t.Fatalf("%s: %s has sequence %d behind %d", who, series, m.Seq, seq)
		}
		last[series] = m.Seq
	}
}

// Messages returns the values that came of a device; of all for "".
func (s *Subscriber) Messages(device string) []Received {
	return s.which(func(m *Received) bool { return (device == "" || m.Device == device) && m.Topic[0] != '$' })
}

// Events returns what came of a device's events, and of its properties'.
func (s *Subscriber) Events(device string) []Received {
	return s.which(func(m *Received) bool { return m.Device == device && m.Topic[0] == '$' })
}

func (s *Subscriber) which(right func(*Received) bool) []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	var got []Received
	for i := range s.got {
		if right(&s.got[i]) {
			got = append(got, s.got[i])
		}
	}
	return got
}
