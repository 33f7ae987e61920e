package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"datastub/dataplane"
)

// loadTopic is what a publisher publishes at, or below, for a device of each
// class.
const loadTopic = "load"

// isLoad tells whether a publisher publishes at a topic.
func isLoad(topic string) bool {
	return topic == loadTopic || strings.HasPrefix(topic, loadTopic+"/")
}

// A load is how a publisher publishes. The zero load has one topic, and no pause.
type load struct {
	branches int           // topics below loadTopic that take turns with it
	pause    time.Duration // between two publishes of a class
}

// topic returns the topic of a publish; they are counted from 1.
func (l load) topic(turn int) string {
	if branch := turn % (l.branches + 1); branch > 0 {
		return fmt.Sprintf("%s/%d", loadTopic, branch)
	}
	return loadTopic
}

// A publisher publishes at a mapper's socket without end, and keeps a ledger,
// on the machine's own disk and synced, of what was accepted. The values of
// each class rise by one; what was not accepted is not tried again, as nobody
// knows whether it was.
type publisher struct {
	t        *testing.T
	load     load
	http     *http.Client
	accepted atomic.Int64

	mu     sync.Mutex
	ledger *os.File
}

// An acceptance is a message that a mapper answered for with 202.
type acceptance struct {
	ID    string
	Topic string
	Value int64
	At    time.Time     // when it was sent, which is before it was accepted, by the publisher's clock
	Took  time.Duration // until it was answered
}

// startPublisher starts a publisher at a socket, which need not be there yet.
// Stop ends it.
func startPublisher(t *testing.T, socket string, load load) (p *publisher, stop func()) {
	t.Helper()
	ledger, err := os.Create(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	var dialer net.Dialer
	p = &publisher{t: t, load: load, ledger: ledger, http: &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}},
	}}
	ctx, cancel := context.WithCancel(context.Background())
	var publishing sync.WaitGroup
	for _, class := range dataplane.Classes {
		publishing.Go(func() { p.run(ctx, class) })
	}
	stop = sync.OnceFunc(func() {
		cancel()
		publishing.Wait()
		p.http.CloseIdleConnections()
		_ = ledger.Close()
	})
	t.Cleanup(stop)
	return p, stop
}

// run publishes one class until ctx ends.
func (p *publisher) run(ctx context.Context, class dataplane.Class) {
	const retry = 2 * time.Millisecond
	value := int64(1)
	for turn := 1; ctx.Err() == nil; turn++ {
		n, topic, wait := 1+value%5, p.load.topic(turn), p.load.pause
		sent := time.Now()
		if ids := p.publish(topic, class, value, n); ids != nil {
			p.note(ids, topic, value, sent, time.Since(sent))
		} else {
			wait = max(wait, retry)
		}
		value += n
		pass(ctx, wait)
	}
}

// pass lets some time pass, or ctx end.
func pass(ctx context.Context, length time.Duration) {
	if length == 0 {
		return
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// publish publishes so many values from one on, and returns their ids if they
// were accepted.
func (p *publisher) publish(topic string, class dataplane.Class, value, n int64) []string {
	var body bytes.Buffer
	for i := range n {
		fmt.Fprintf(&body, `,{"topic":%q,"device":%q,"class":%q,"value":%d}`, topic, class, class, value+i)
	}
	body.Bytes()[0] = '['
	body.WriteByte(']')
	resp, err := p.http.Post("http://mapper/publish", "application/json", &body)
	if err != nil {
		return nil // the mapper is away, or was killed before it answered
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct{ IDs []string }
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusAccepted || json.Unmarshal(b, &answer) != nil || len(answer.IDs) != int(n) {
		return nil
	}
	return answer.IDs
}

// note puts values that were accepted into the ledger.
func (p *publisher) note(ids []string, topic string, value int64, sent time.Time, took time.Duration) {
	var lines bytes.Buffer
	for i, id := range ids {
		_ = json.NewEncoder(&lines).Encode(acceptance{id, topic, value + int64(i), sent, took}) // a buffer takes all
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.ledger.Write(lines.Bytes()); err != nil {
		p.t.Error(err)
	}
	if err := p.ledger.Sync(); err != nil {
		p.t.Error(err)
	}
	p.accepted.Add(int64(len(ids)))
}

// read returns all that was accepted, by its id.
func (p *publisher) read() map[dataplane.ID]acceptance {
	p.t.Helper()
	f, err := os.Open(p.ledger.Name())
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	all := make(map[dataplane.ID]acceptance)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var a acceptance
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			p.t.Fatal(err)
		}
		id, err := dataplane.ParseID(a.ID)
		if err != nil {
			p.t.Fatal(err)
		}
		if before, twice := all[id]; twice {
			p.t.Errorf("%v was given to %d and to %d", id, before.Value, a.Value)
		}
		all[id] = a
	}
	return all
}

// missing holds messages, in the order in which they came, to what was
// accepted, and returns what of it has not come. Nothing comes twice, out of
// order or with another value.
func missing(t *testing.T, who string, accepted map[dataplane.ID]acceptance, got []dataplane.Message) map[dataplane.ID]acceptance {
	t.Helper()
	left := make(map[dataplane.ID]acceptance, len(accepted))
	for id, a := range accepted {
		left[id] = a
	}
	marks, values, seqs := map[dataplane.Class]dataplane.Mark{}, map[dataplane.Class]int64{}, map[string]uint64{}
	for _, m := range got {
		if !isLoad(m.Topic) {
			continue
		}
		mark, value := dataplane.Mark{Epoch: m.ID.Epoch, Seq: m.ID.Seq}, mustInt(t, m)
		if mark.Compare(marks[m.Class]) <= 0 || value <= values[m.Class] || m.Seq <= seqs[m.Address()] {
			t.Fatalf("%s: %v with %d, number %d of its series, comes behind %v with %d, number %d",
				who, m.ID, value, m.Seq, marks[m.Class], values[m.Class], seqs[m.Address()])
		}
		marks[m.Class], values[m.Class], seqs[m.Address()] = mark, value, m.Seq
		if a, is := left[m.ID]; is && a.Value != value {
			t.Fatalf("%s: %v has %d, and was accepted with %d", who, m.ID, value, a.Value)
		}
		delete(left, m.ID)
	}
	return left
}

func mustInt(t *testing.T, m dataplane.Message) int64 {
	t.Helper()
	n, ok := m.Value.Int64()
	if !ok {
		t.Fatalf("%v has %v: want a whole number", m.ID, m.Value)
	}
	return n
}
