package zmq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
)

// subscribed is a Subscriber at work, and what it told.
type subscribed struct {
	*Subscriber
	t      *testing.T
	cancel context.CancelFunc
	done   chan error

	mu      sync.Mutex
	got     map[string][]string // messages by source, frames apart by a tab
	changes map[string][]error
}

func startSubscriber(t *testing.T, change func(*SubscriberOptions)) *subscribed {
	t.Helper()
	s := &subscribed{t: t, done: make(chan error, 1), got: make(map[string][]string), changes: make(map[string][]error)}
	o := SubscriberOptions{Receive: s.receive, Changed: s.changed, Queue: 1000, MaxFrame: 1 << 10}
	if change != nil {
		change(&o)
	}
	var err error
	if s.Subscriber, err = NewSubscriber(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() { s.done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-s.done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *subscribed) receive(source string, frames [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var texts []string
	for _, f := range frames {
		texts = append(texts, string(f))
	}
	s.got[source] = append(s.got[source], strings.Join(texts, "\t"))
}

func (s *subscribed) changed(source string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes[source] = append(s.changes[source], err)
}

// messages returns what came from a source.
func (s *subscribed) messages(source string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got[source])
}

// connects returns how often a source was connected.
func (s *subscribed) connects(source string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range s.changes[source] {
		if err == nil {
			n++
		}
	}
	return n
}

// told tells whether a source was ever said to be lost for a reason.
func (s *subscribed) told(source, reason string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.changes[source], func(err error) bool { return err != nil && strings.Contains(err.Error(), reason) })
}

// pub is a PUB socket that tells who subscribes: an XPUB.
type pub struct {
	t        *testing.T
	socket   *zmq.Socket
	endpoint string
}

func bindPub(t *testing.T, endpoint string) *pub {
	t.Helper()
	zctx, err := zmq.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	p := &pub{t: t}
	if p.socket, err = zctx.NewSocket(zmq.XPUB); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.socket.SetLinger(20*time.Second), p.socket.SetRcvtimeo(20*time.Second), p.socket.Bind(endpoint)); err != nil {
		t.Fatal(err)
	}
	p.endpoint, _ = p.socket.GetLastEndpoint()
	t.Cleanup(func() {
		p.close()
		_ = zctx.Term()
	})
	return p
}

func (p *pub) close() { _ = p.socket.Close() }

// joined waits for a subscription.
func (p *pub) joined(prefix string) {
	p.t.Helper()
	if got, err := p.socket.Recv(0); err != nil || got != "\x01"+prefix {
		p.t.Fatalf("subscription: got %q, %v, want one to %q", got, err, prefix)
	}
}

func (p *pub) send(frames ...string) {
	p.t.Helper()
	if _, err := p.socket.SendMessage(frames); err != nil {
		p.t.Fatal(err)
	}
}

func TestSubscriberReadsSources(t *testing.T) {
	a, b := bindPub(t, "tcp://127.0.0.1:*"), bindPub(t, "tcp://127.0.0.1:*")
	s := startSubscriber(t, nil)
	s.Connect("a", a.endpoint)
	s.Connect("b", b.endpoint, "x/", "y ")
	a.joined("")
	b.joined("x/")
	b.joined("y ")
	a.send("one")
	a.send("two", "frames")
	for _, text := range []string{"z/1", "x/1", "y", "y 1", "x/2"} {
		b.send(text)
	}
	eventually(t, "all messages", func() bool { return len(s.messages("a")) == 2 && len(s.messages("b")) == 3 })
	if got, want := s.messages("a"), []string{"one", "two\tframes"}; !slices.Equal(got, want) {
		t.Errorf("a: got %q, want %q", got, want)
	}
	if got, want := s.messages("b"), []string{"x/1", "y 1", "x/2"}; !slices.Equal(got, want) {
		t.Errorf("b: got %q, want %q", got, want)
	}
}

// TestSubscriberComesBack closes a PUB that has just sent: nothing of that is
// lost, the end is told, and the next one at the address is found.
func TestSubscriberComesBack(t *testing.T) {
	p := bindPub(t, "tcp://127.0.0.1:*")
	s := startSubscriber(t, nil)
	s.Connect("a", p.endpoint)
	for round := 1; round <= 3; round++ {
		p.joined("")
		for n := range 500 {
			p.send(fmt.Sprint(n))
		}
		p.close()
		eventually(t, "all that was sent before the end", func() bool { return len(s.messages("a")) == 500*round })
		eventually(t, "the end", func() bool { return s.told("a", "the connection to "+p.endpoint+" broke") })
		eventually(t, "nobody is there", func() bool { return s.told("a", "nobody answers at "+p.endpoint) })
		if got := s.connects("a"); got != round {
			t.Errorf("connects: got %d, want %d", got, round)
		}
		p = bindPub(t, p.endpoint)
	}
}

func TestSubscriberMoves(t *testing.T) {
	first, second := bindPub(t, "tcp://127.0.0.1:*"), bindPub(t, "tcp://127.0.0.1:*")
	s := startSubscriber(t, nil)
	s.Connect("a", first.endpoint)
	first.joined("")
	for range 100 { // the same again changes nothing
		s.Connect("a", first.endpoint)
	}
	first.send("1")
	eventually(t, "a message of the first", func() bool { return len(s.messages("a")) == 1 })
	s.Connect("a", second.endpoint)
	second.joined("")
	second.send("2")
	eventually(t, "a message of the second", func() bool { return len(s.messages("a")) == 2 })
	s.Disconnect("a")
	s.Disconnect("nobody")
	if got, err := second.socket.Recv(0); err != nil || got != "\x00" {
		t.Errorf("after Disconnect: got %q, %v, want that the subscription ends", got, err)
	}
	if got := s.connects("a"); got != 2 {
		t.Errorf("connects: got %d, want 2", got)
	}
}

// TestSubscriberResolves has an address refused, and then found, as is asked
// before each dial.
func TestSubscriberResolves(t *testing.T) {
	p := bindPub(t, "tcp://127.0.0.1:*")
	var mu sync.Mutex
	asked := 0
	s := startSubscriber(t, func(o *SubscriberOptions) {
		o.Resolve = func(_ context.Context, endpoint string) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			if asked++; asked <= 2 {
				return "", fmt.Errorf("%s is refused", endpoint)
			}
			return p.endpoint, nil
		}
	})
	s.Connect("a", "tcp://name:1")
	p.joined("")
	if !s.told("a", "tcp://name:1 is refused") {
		t.Error("the refusal was not told")
	}
}

// TestSubscriberGivesUpSearch ends the search for an address that nobody needs
// any more: with the source, and with Run.
func TestSubscriberGivesUpSearch(t *testing.T) {
	begun, ended := make(chan string), make(chan string)
	s := startSubscriber(t, func(o *SubscriberOptions) {
		o.Resolve = func(ctx context.Context, endpoint string) (string, error) {
			begun <- endpoint
			<-ctx.Done()
			ended <- endpoint
			return "", ctx.Err()
		}
	})
	s.Connect("a", "tcp://first:1")
	<-begun
	s.Connect("a", "tcp://second:1")
	if got := <-ended; got != "tcp://first:1" {
		t.Errorf("ended: %s, want the first search", got)
	}
	<-begun
	s.cancel()
	<-ended
}

// TestSubscriberNoPub dials what is no PUB socket: that is told, and others
// flow.
func TestSubscriberNoPub(t *testing.T) {
	router := startCloud(t, "tcp://127.0.0.1:*", nil)
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	go func() {
		for {
			conn, err := web.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_ = conn.Close()
		}
	}()
	p := bindPub(t, "tcp://127.0.0.1:*")
	s := startSubscriber(t, nil)
	s.Connect("uplink", router.router.Endpoint())
	s.Connect("web", "tcp://"+web.Addr().String())
	s.Connect("garbage", "here")
	s.Connect("pub", p.endpoint)
	p.joined("")
	p.send("x")
	for source, reason := range map[string]string{
		"uplink": "what answers at " + router.router.Endpoint() + " is no PUB socket", "web": web.Addr().String(), "garbage": "dial here: ",
	} {
		eventually(t, source+" is told: "+reason, func() bool { return s.told(source, reason) })
	}
	eventually(t, "the message of a PUB", func() bool { return len(s.messages("pub")) == 1 })
}

// TestSubscriberLargeFrame has a source send more than it may: it is
// disconnected, and comes back.
func TestSubscriberLargeFrame(t *testing.T) {
	p := bindPub(t, "tcp://127.0.0.1:*")
	s := startSubscriber(t, nil)
	s.Connect("a", p.endpoint)
	p.joined("")
	p.send("small")
	eventually(t, "a small message", func() bool { return len(s.messages("a")) == 1 })
	p.send(strings.Repeat("x", 1<<10+1))
	eventually(t, "the end", func() bool { return s.told("a", "broke") })
	eventually(t, "a new connection", func() bool { return s.connects("a") == 2 })
	eventually(t, "a second small message", func() bool { p.send("small"); return len(s.messages("a")) >= 2 })
}

func TestSubscriberOptions(t *testing.T) {
	receive := func(string, [][]byte) {}
	for _, o := range []SubscriberOptions{
		{Queue: 1, MaxFrame: 1}, {Receive: receive, MaxFrame: 1}, {Receive: receive, Queue: 1},
	} {
		if _, err := NewSubscriber(o); err == nil || !strings.Contains(err.Error(), "want") {
			t.Errorf("%+v: got %v, want what is wrong", o, err)
		}
	}
	s, err := NewSubscriber(SubscriberOptions{Receive: receive, Queue: 1, MaxFrame: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.Connect("a", "tcp://127.0.0.1:1")
	s.Close() // Run is not called
}
