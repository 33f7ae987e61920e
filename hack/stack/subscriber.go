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
	sub := &Subscriber{}
	var reading sync.WaitGroup
	reading.Go(func() { sub.read(s.t, stdout) })
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		reading.Wait()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(headers).ReadString('\n'); err != nil || line != "HTTP/1.1 200 OK\r\n" {
		s.t.Fatalf("subscribe to %s: got %q, %v, want 200", topic, line, err)
	}
	return sub
}

func (s *Subscriber) read(t *testing.T, r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		at := time.Now()
		var m dataplane.Message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Errorf("line %q: %v", lines.Bytes(), err)
			return
		}
		s.mu.Lock()
		s.got = append(s.got, Received{m, at})
		s.mu.Unlock()
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

// Messages returns what came of a device; of all for "".
func (s *Subscriber) Messages(device string) []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	var got []Received
	for _, m := range s.got {
		if (device == "" || m.Device == device) && m.Topic[0] != '$' {
			got = append(got, m)
		}
	}
	return got
}
