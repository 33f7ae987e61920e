package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"datastub/dataplane"
	"datastub/dataplane/rest"
	"datastub/hack/stack"
)

// startWithSocket starts a mapper without devices, and returns the path of its
// Unix socket.
func startWithSocket(t *testing.T, s *stack.Stack) (m *stack.Mapper, path string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "datastub-") // t.TempDir's path may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path = filepath.Join(dir, "run", "publish.sock")
	m = s.StartMapper("edge-1", nil, "  socket: "+path)
	waitSocket(t, path)
	return m, path
}

// waitSocket waits until somebody listens at a path.
func waitSocket(t *testing.T, path string) {
	t.Helper()
	stack.Eventually(t, "the socket is there", func() bool {
		conn, err := net.Dial("unix", path)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// A reply is what a Python program was answered.
type reply struct {
	status int
	body   string
}

// ids returns the ids of messages that were accepted.
func (r reply) ids(t *testing.T) []string {
	t.Helper()
	var accepted struct{ IDs []string }
	if err := json.Unmarshal([]byte(r.body), &accepted); err != nil || r.status != 202 {
		t.Fatalf("answer: got %d %s, want 202 with ids", r.status, r.body)
	}
	return accepted.IDs
}

// publish has clients of a Python program send bodies, each all of them.
func publish(t *testing.T, path string, clients int, bodies ...string) ([]reply, error) {
	t.Helper()
	c := exec.Command("/usr/bin/python3", "testdata/publish.py", path, fmt.Sprint(clients))
	c.Stdin = strings.NewReader(strings.Join(bodies, "\n"))
	var problems strings.Builder
	c.Stderr = &problems
	out, err := c.Output()
	if err == nil && problems.Len() > 0 { // a thread that failed
		err = fmt.Errorf("%s", problems.String())
	}
	var replies []reply
	for line := range strings.Lines(string(out)) {
		var r reply
		status, body, _ := strings.Cut(strings.TrimSpace(line), " ")
		if _, err := fmt.Sscan(status, &r.status); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		r.body = body
		replies = append(replies, r)
	}
	return replies, err
}

func mustPublish(t *testing.T, path string, clients int, bodies ...string) []reply {
	t.Helper()
	replies, err := publish(t, path, clients, bodies...)
	if err != nil {
		t.Fatal(err)
	}
	return replies
}

// TestSocketFromPython publishes from a program of another language: the value
// comes to a subscriber as the mapper's own would, and what is wrong is told in
// the same words as by cloudsvc.
func TestSocketFromPython(t *testing.T) {
	s := stack.New(t)
	_, path := startWithSocket(t, s)
	sub := s.Subscribe("room/#")
	replies := mustPublish(t, path, 1,
		`{"topic":"room/light","value":true}`,
		`[{"topic":"room/temperature","value":21.5,"device":"sensor-7","namespace":"plant","class":"RT","unit":"°C","property":"t"},{"topic":"room/noise","value":7}]`,
		`[{"topic":"room/light","value":1},{"topic":"room/+","value":1,"class":"FAST"}]`)
	ids := append(replies[0].ids(t), replies[1].ids(t)...)
	stack.Eventually(t, "three values", func() bool { return len(sub.Messages("")) >= 3 })
	got := map[string]dataplane.Message{}
	for _, m := range sub.Messages("") {
		got[m.ID.String()] = m.Message
		if m.Node != "edge-1" || m.ID.Publisher != "edge-1/mapper" || m.Seq == 0 {
			t.Errorf("message is not this mapper's: %+v", m.Message)
		}
	}
	if m := got[ids[0]]; m.Address() != "default/room/light/edge-1" || m.Class != dataplane.BT || m.Value != dataplane.BooleanValue(true) {
		t.Errorf("what says little: got %+v, want the defaults", m)
	}
	if m := got[ids[1]]; m.Address() != "plant/room/temperature/sensor-7" || m.Class != dataplane.RT || m.Value != dataplane.DoubleValue(21.5) || m.Unit != "°C" || m.Property != "t" {
		t.Errorf("what says all: got %+v", m)
	}
	if m := got[ids[2]]; m.Value != dataplane.IntValue(7) {
		t.Errorf("the second of two: got %+v", m)
	}

	var problem, same rest.Problem
	if err := json.Unmarshal([]byte(replies[2].body), &problem); err != nil {
		t.Fatalf("%s: %v", replies[2].body, err)
	}
	const want = `index 1: class "FAST" is not RT or BT (and 1 more)`
	if replies[2].status != 400 || problem.Type != "urn:datastub:problem:invalid-request" || problem.Detail != want || len(problem.Errors) != 2 {
		t.Errorf("wrong input: got %d %s, want 400 with %s", replies[2].status, replies[2].body, want)
	}
	cloud, err := exec.Command("curl", "-s", s.URL()+"/publish", "-d", `[{"topic":"room/light","value":1},{"topic":"room/+","value":1,"class":"FAST"}]`).Output()
	if err != nil || json.Unmarshal(cloud, &same) != nil || fmt.Sprint(same.Detail, same.Errors[1].Detail) != fmt.Sprint(problem.Detail, problem.Errors[1].Detail) {
		t.Errorf("cloudsvc says %s, %v\nthe mapper %s", cloud, err, replies[2].body)
	}
}

// TestSocketManyClients has a hundred programs publish at once: each message
// has an id of its own and arrives once.
func TestSocketManyClients(t *testing.T) {
	const clients, each = 100, 10
	s := stack.New(t)
	_, path := startWithSocket(t, s)
	sub := s.Subscribe("room/#")
	var bodies []string
	for n := range each {
		bodies = append(bodies, fmt.Sprintf(`{"topic":"room/count","value":%d,"device":"client-@"}`, n))
	}
	ids := map[string]int{}
	for _, r := range mustPublish(t, path, clients, bodies...) {
		ids[r.ids(t)[0]]++
	}
	if len(ids) != clients*each {
		t.Fatalf("ids: got %d different ones, want %d", len(ids), clients*each)
	}
	stack.Eventually(t, "all values", func() bool { return len(sub.Messages("")) >= len(ids) })
	for _, m := range sub.Messages("") {
		if ids[m.ID.String()]--; ids[m.ID.String()] != 0 {
			t.Errorf("%v came, which was not published, or twice", m.ID)
		}
	}
	for n := range clients {
		for at, m := range sub.Messages(fmt.Sprintf("client-%d", n)) {
			if m.Value != dataplane.IntValue(int64(at)) {
				t.Errorf("client %d: value %v at place %d", n, m.Value, at)
			}
		}
	}
}

// TestSocketRestarts stops and kills the mapper under its clients: what was
// accepted before a stop arrives, the socket goes with a stop and is replaced
// after a kill, and a second mapper is refused it.
func TestSocketRestarts(t *testing.T) {
	s := stack.New(t)
	m, path := startWithSocket(t, s)
	sub := s.Subscribe("room/#")
	stack.Eventually(t, "the uplink is up", func() bool { return strings.Contains(m.Log.String(), "Uplink is up") })
	before := mustPublish(t, path, 20, `{"topic":"room/count","value":1,"device":"client-@"}`)
	m.Stop()
	stack.Eventually(t, "all that was accepted", func() bool { return len(sub.Messages("")) >= len(before) })
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket of a mapper that was stopped: %v, want it gone", err)
	}
	if _, err := publish(t, path, 1, `{"topic":"room/count","value":1}`); err == nil {
		t.Error("somebody takes messages at the socket of a mapper that was stopped")
	}

	m.Restart()
	waitSocket(t, path)
	mustPublish(t, path, 1, `{"topic":"room/count","value":2}`)[0].ids(t)
	m.Kill()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the socket of a mapper that was killed: %v, want it there", err)
	}
	m.Restart()
	waitSocket(t, path)
	last := mustPublish(t, path, 1, `{"topic":"room/count","value":3}`)[0].ids(t)[0]
	stack.Eventually(t, "the value behind the restart", func() bool {
		all := sub.Messages("edge-1")
		return len(all) > 0 && all[len(all)-1].ID.String() == last
	})

	out, err := stack.Command("mapper", "--config-file", m.Config).CombinedOutput()
	want := "dataplane.socket: socket " + path + " is in use, perhaps by another mapper on this node: name another path in config.yaml"
	if err == nil || !strings.Contains(string(out), want) {
		t.Errorf("a second mapper: got %v and\n%s\nwant %s", err, out, want)
	}
	mustPublish(t, path, 1, `{"topic":"room/count","value":4}`)[0].ids(t)
}
