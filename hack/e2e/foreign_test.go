package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"datastub/cloudsvc"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// allowLoopback lets cloudsvc read producers of this machine.
var allowLoopback = []string{"--webhook-allow", "127.0.0.1"}

// producer is a program in another language that knows the proposal only.
type producer struct {
	t       *testing.T
	stack   *stack.Stack
	id      string
	address string
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	answers *bufio.Reader
}

func startProducer(t *testing.T, s *stack.Stack, id string) *producer {
	t.Helper()
	p := &producer{t: t, stack: s, id: id, address: "tcp://127.0.0.1:" + stack.FreePort(t)}
	p.start()
	t.Cleanup(p.kill)
	return p
}

// start starts the program, again.
func (p *producer) start() {
	p.t.Helper()
	p.cmd = exec.Command("/usr/bin/python3", "testdata/producer.py", p.stack.URL(), p.address)
	p.cmd.Stderr = os.Stderr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		p.t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	p.answers = bufio.NewReader(stdout)
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *producer) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// do has the program do something, and returns what it answers.
func (p *producer) do(format string, args ...any) string {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.stdin, format+"\n", args...); err != nil {
		p.t.Fatal(err)
	}
	answer, err := p.answers.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%s: %v", format, err)
	}
	return strings.TrimSpace(answer)
}

// registration is the body that the program registers with.
func (p *producer) registration(topics ...string) string {
	b, _ := json.Marshal(map[string]any{"id": p.id, "address": p.address, "topics": topics}) // strings always marshal
	return string(b)
}

// join registers, goes on with heartbeats, and waits until the socket is read.
func (p *producer) join(topics ...string) {
	p.t.Helper()
	if got := p.do("register %s", p.registration(topics...)); !strings.HasPrefix(got, "200 ") {
		p.t.Fatalf("register: got %s, want 200", got)
	}
	p.do("beat %s", p.registration(topics...))
	stack.Eventually(p.t, p.id+" is read", func() bool { return p.do("readers") == "1" })
}

// node returns what /discover tells of a producer.
func (p *producer) node() cloudsvc.Node {
	p.t.Helper()
	var list struct{ Nodes []cloudsvc.Node }
	if err := json.Unmarshal([]byte(get(p.t, p.stack.URL()+"/discover")), &list); err != nil {
		p.t.Fatal(err)
	}
	for _, node := range list.Nodes {
		if node.ID == p.id {
			return node
		}
	}
	return cloudsvc.Node{}
}

// sees waits for a detail of the producer's node.
func (p *producer) sees(detail string) {
	p.t.Helper()
	stack.Eventually(p.t, p.id+" is shown as "+detail, func() bool { return strings.Contains(p.node().Detail, detail) })
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// droppedBy returns how many messages of producers were dropped for a reason.
func droppedBy(t *testing.T, s *stack.Stack, reason string) int {
	t.Helper()
	prefix := `datastub_cloudsvc_dropped_producer_messages_total{reason="` + reason + `"} `
	for line := range strings.Lines(get(t, s.URL()+"/metrics")) {
		if value, ok := strings.CutPrefix(line, prefix); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
	}
	return 0
}

// checkProduced fails unless a producer's messages are from to last, each once
// and in order, with ids that rise by one in each epoch.
func checkProduced(t *testing.T, id string, got []stack.Received, from, last int) {
	t.Helper()
	want := int64(from)
	var before dataplane.ID
	for _, m := range got {
		n, _ := m.Value.Int64()
		if n != want {
			t.Fatalf("%s: got number %d, want %d", id, n, want)
		}
		want++
		if m.ID.Publisher != "zmq/"+id || m.Node != "zmq" || m.Quality != dataplane.BestEffort || m.Class != dataplane.RT ||
			m.Device != id || m.Namespace != "default" || m.Time.After(m.At) {
			t.Fatalf("%s: message is wrong: %+v", id, m.Message)
		}
		if m.ID.Epoch == before.Epoch && m.ID.Seq != before.Seq+1 || m.ID.Epoch < before.Epoch {
			t.Fatalf("%s: %v came behind %v", id, m.ID, before)
		}
		before = m.ID
	}
	if want != int64(last)+1 {
		t.Fatalf("%s: got numbers up to %d, want %d", id, want-1, last)
	}
}

// TestProducer reads a producer, with garbage among what it sends, and after
// it was killed and is back.
func TestProducer(t *testing.T) {
	s := stack.New(t, allowLoopback...)
	sub := s.Subscribe("#")
	p := startProducer(t, s, "labeller")
	p.do("count line/count 5") // nobody reads: a PUB drops them
	p.join("line/count", "line/other")
	p.sees("connected")
	p.do("count line/count 500")
	received := func(n int) func() bool {
		return func() bool { return len(sub.Messages("labeller")) >= n }
	}
	stack.Eventually(t, "500 messages", received(500))
	checkProduced(t, "labeller", sub.Messages("labeller"), 6, 505)

	p.do("send no-space")
	p.do("send line/count {not json")
	p.do("send line/count {\"temperature\":1}")
	p.do("parts line/count 1")
	p.do("send line/unregistered 1")
	p.sees(`topic "line/unregistered" is not registered`)
	if malformed, topic := droppedBy(t, s, "malformed"), droppedBy(t, s, "topic"); malformed != 4 || topic != 1 {
		t.Errorf("dropped: got %d malformed and %d by topic, want 4 and 1", malformed, topic)
	}
	p.do("count line/count 500")
	stack.Eventually(t, "500 more messages", received(1000))
	checkProduced(t, "labeller", sub.Messages("labeller"), 6, 1005)
	stack.CheckUnbroken(t, "subscriber", sub.Messages("labeller"))

	p.do(`send line/other {"value":7.5,"unit":"mm","device":"gauge-1","class":"BT","quality":"bad: stuck","lot":{"no":4}}`)
	stack.Eventually(t, "the message of another device", func() bool { return len(sub.Messages("gauge-1")) == 1 })
	if m := sub.Messages("gauge-1")[0]; m.Quality != "bad: stuck" || m.Unit != "mm" || m.Class != dataplane.BT || m.ID.Publisher != "zmq/labeller" {
		t.Errorf("message is wrong: %+v", m.Message)
	}

	p.kill()
	p.sees("not connected: ")
	p.start()
	p.join("line/count")
	p.do("count line/count 100")
	stack.Eventually(t, "messages of a restarted producer", received(1100))
	checkProduced(t, "labeller", sub.Messages("labeller")[1000:], 1, 100)
}

// TestProducerOutlivesCloudsvc restarts cloudsvc, which then knows nobody: the
// next heartbeat has the producer read again, under ids that go on.
func TestProducerOutlivesCloudsvc(t *testing.T) {
	s := stack.New(t, allowLoopback...)
	f := follow(t, s, "line/#")
	p := startProducer(t, s, "labeller")
	p.join("line/count")
	p.do("count line/count 100")
	stack.Eventually(t, "100 messages", func() bool { return f.count() == 100 })
	s.Cloudsvc.Stop()
	stack.Eventually(t, "nobody reads", func() bool { return p.do("readers") == "0" })
	s.StartCloudsvc()
	stack.Eventually(t, "read again", func() bool { return p.do("readers") == "1" })
	stack.Eventually(t, "messages after a restart of cloudsvc", func() bool { // the subscriber comes back in its own time
		p.do("count line/count 1")
		return f.count() > 100
	})
	f.checkOnce(t)
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := range f.got[1:] {
		a, b := f.got[n], f.got[n+1]
		if b.ID.Epoch < a.ID.Epoch || b.ID.Epoch == a.ID.Epoch && b.ID.Seq != a.ID.Seq+1 || b.Seq <= a.Seq {
			t.Fatalf("%v with sequence %d came behind %v with %d", b.ID, b.Seq, a.ID, a.Seq)
		}
	}
}

// TestProducerExpires stops a producer's heartbeats while it goes on to send:
// nobody reads it any more, until it registers again. An address that is taken
// back is read no longer at once.
func TestProducerExpires(t *testing.T) {
	s := stack.New(t, allowLoopback...)
	p := startProducer(t, s, "line-3/labeller")
	p.join()
	p.do("quiet")
	p.readUntil(time.Now().Add(2 * time.Minute)) // a registration is good for 30 s
	if node := p.node(); node.State != cloudsvc.Offline {
		t.Errorf("node: got %+v, want it offline", node)
	}
	if got := p.do("register %s", p.registration()); !strings.HasPrefix(got, "200 ") {
		t.Fatalf("register: got %s, want 200", got)
	}
	stack.Eventually(t, "read again", func() bool { return p.do("readers") == "1" })
	if got := p.do(`register {"id":%q,"address":""}`, p.id); !strings.HasPrefix(got, "200 ") {
		t.Fatalf("register: got %s, want 200", got)
	}
	stack.Eventually(t, "nobody reads", func() bool { return p.do("readers") == "0" })
}

// readUntil sends on, until nobody reads.
func (p *producer) readUntil(deadline time.Time) {
	p.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for p.do("readers") != "0" {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s is still read without a heartbeat", p.id)
		}
		p.do("send a 1")
		<-tick.C
	}
}

// TestProducerRefused registers addresses of cloudsvc's own network, without
// leave: nothing of it is done.
func TestProducerRefused(t *testing.T) {
	s := stack.New(t)
	p := startProducer(t, s, "labeller")
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "0.0.0.0"} {
		got := p.do(`register {"id":"labeller","address":"tcp://%s:5556"}`, host)
		if !strings.HasPrefix(got, "400 ") || !strings.Contains(got, "cloudsvc dials it only if --webhook-allow has it") || !strings.Contains(got, `"field":"address"`) {
			t.Errorf("%s: got %s, want 400 for the field address", host, got)
		}
	}
	if node := p.node(); node.ID != "" {
		t.Errorf("node: got %+v, want none", node)
	}
	got := p.do(`register {"id":"labeller","address":"tcp://nobody.invalid:5556"}`)
	if !strings.HasPrefix(got, "200 ") {
		t.Errorf("a name that is not found: got %s, want 200", got)
	}
	p.sees(`not connected: look up "nobody.invalid": `)
	p.do("quiet")
	got = p.do(`register {"id":"labeller","address":"tcp://%s"}`, "192.0.2.1:1")
	if !strings.HasPrefix(got, "200 ") {
		t.Errorf("an address of nobody: got %s, want 200", got)
	}
}

// TestProducerFloods has a producer send as fast as it can, far more than it
// may: that is dropped and counted, cloudsvc stays small, and neighbours lose
// nothing.
func TestProducerFloods(t *testing.T) {
	const (
		flood  = 200_000
		growth = 200 << 20 // bytes, of a program with the race detector
	)
	s := stack.New(t, allowLoopback...)
	quietOne, loud := startProducer(t, s, "quiet"), startProducer(t, s, "loud")
	quietOne.join("line/count")
	loud.join("line/noise")
	numbers, noise, counter := s.Subscribe("line/count"), s.Subscribe("line/noise"), s.Subscribe("count/fast")
	s.StartMapper("edge-1", map[string]string{"a.yaml": stack.VirtualDevice("counter-1")})
	stack.Eventually(t, "values of a device", func() bool { return len(counter.Messages("counter-1")) > 10 })
	before := s.Cloudsvc.Memory()

	flooded := make(chan string)
	go func() { flooded <- loud.do("flood line/noise %d 200", flood) }()
	sent, most := 0, int64(0)
	for done := false; !done; {
		select {
		case <-flooded:
			done = true
		default:
		}
		quietOne.do("count line/count 10")
		sent += 10
		most = max(most, s.Cloudsvc.Memory())
		stack.Eventually(t, "a neighbour's messages during the flood", func() bool { return len(numbers.Messages("quiet")) >= sent })
	}
	values := len(counter.Messages("counter-1"))
	stack.Eventually(t, "values of a device after the flood", func() bool { return len(counter.Messages("counter-1")) > values+10 })
	checkProduced(t, "quiet", numbers.Messages("quiet"), 1, sent)
	stack.CheckUnbroken(t, "subscriber", counter.Messages("counter-1"))
	tooFast, full, taken := 0, 0, 0
	stack.Eventually(t, "every message of the flood is delivered or counted", func() bool {
		tooFast, full, taken = droppedBy(t, s, "rate"), droppedBy(t, s, "full"), len(noise.Messages("loud"))
		most = max(most, s.Cloudsvc.Memory())
		return tooFast+full+taken == flood
	})
	t.Logf("of %d: took %d, dropped %d by rate and %d as too much waited; memory grew from %d MiB to %d at most", flood, taken, tooFast, full, before>>20, most>>20)
	if taken > flood/2 {
		t.Errorf("took %d of %d: want most of it dropped", taken, flood)
	}
	if most-before > growth {
		t.Errorf("memory grew by %d bytes, want at most %d", most-before, growth)
	}
	loud.sees("last dropped: more than ")
}
