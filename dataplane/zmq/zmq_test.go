package zmq

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	zmq "github.com/pebbe/zmq4"
	"go.uber.org/goleak"
	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
	"datastub/hack/poll"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cloud is a Router with a Receiver whose log is a slice.
type cloud struct {
	t        *testing.T
	router   *Router
	receiver *uplink.Receiver
	cancel   context.CancelFunc
	done     chan error

	mu     sync.Mutex
	got    []dataplane.Message
	report *dataplane.Report // the last one
}

// startCloud starts a cloud; had is what an earlier one stored.
func startCloud(t *testing.T, endpoint string, had []dataplane.Message) *cloud {
	t.Helper()
	c := newCloud(t, endpoint, had)
	c.run()
	return c
}

func newCloud(t *testing.T, endpoint string, had []dataplane.Message) *cloud {
	t.Helper()
	router, err := NewRouter(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	packer, err := dataplane.NewPacker()
	if err != nil {
		t.Fatal(err)
	}
	session := uint64(time.Now().UnixNano())
	c := &cloud{t: t, router: router, done: make(chan error, 1), got: had}
	c.receiver = uplink.NewReceiver(uplink.ReceiverOptions{
		Packer: packer, Budget: 64 << 20, Session: func() uint64 { session++; return session }, Control: c.control,
	})
	return c
}

func (c *cloud) run() {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	go func() { c.done <- c.router.Run(ctx, c) }()
	c.t.Cleanup(c.stop)
}

func (c *cloud) stop() {
	c.cancel()
	if err := <-c.done; err != nil {
		c.t.Error(err)
	}
	c.done <- nil // for a second stop
}

func (c *cloud) Receive(peer uplink.Peer, frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	replies, accepted := c.receiver.Receive(peer, frame, time.Now())
	if accepted != nil {
		c.got = append(c.got, accepted.Messages...)
		replies = append(replies, c.receiver.Stored([]*uplink.Accepted{accepted}, time.Now())...)
	}
	c.router.Send(replies)
}

// control keeps a report; c.mu is held.
func (c *cloud) control(_ string, f *dataplane.Control) string {
	r, err := dataplane.ParseReport(f.Body)
	if err != nil {
		c.t.Error(err)
	}
	c.report = r
	return ""
}

// reported returns the last report, nil if there is none.
func (c *cloud) reported() *dataplane.Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.report
}

func (c *cloud) Unreachable(peer uplink.Peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.receiver.Unreachable(peer)
}

func (c *cloud) messages() []dataplane.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]dataplane.Message(nil), c.got...)
}

// eventually waits until ok, for at most 20 s.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll.Within(t, 20*time.Second, what, ok)
}

type runningPublisher struct {
	*Publisher
	t      *testing.T
	cancel context.CancelFunc
	done   chan error
}

func startPublisher(t *testing.T, o PublisherOptions) *runningPublisher {
	t.Helper()
	r := newPublisher(t, o)
	r.start()
	return r
}

// newPublisher makes a publisher that is to be started.
func newPublisher(t *testing.T, o PublisherOptions) *runningPublisher {
	t.Helper()
	o.Node, o.Mapper = "edge-1", "mapper"
	if o.Spool.MaxBytes == 0 {
		o.Spool.MaxBytes = 64 << 20
	}
	if o.Logger == (klog.Logger{}) {
		o.Logger = klog.Background()
	}
	if o.Batch == (uplink.BatchPolicy{}) {
		o.Batch = uplink.BatchPolicy{MaxCount: 1000, MaxBytes: 256 << 10, MaxAge: 50 * time.Millisecond}
	}
	p, err := NewPublisher(o)
	if err != nil {
		t.Fatal(err)
	}
	return &runningPublisher{Publisher: p, t: t, done: make(chan error, 1)}
}

// start runs the publisher until the test ends.
func (r *runningPublisher) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.done <- r.Run(ctx) }()
	r.t.Cleanup(r.stop)
}

func (r *runningPublisher) stop() {
	r.cancel()
	if err := <-r.done; err != nil {
		r.t.Error(err)
	}
	r.done <- nil // for a second stop
}

func reading(class dataplane.Class, n int) dataplane.Message {
	return dataplane.Message{
		Topic: "sensor/temperature", Namespace: "default", Device: "boiler-1", Property: "temperature",
		Class: class, Value: dataplane.IntValue(int64(n)), Unit: "°C", Time: time.Unix(1700000000, int64(n)),
	}
}

func publish(t *testing.T, p *runningPublisher, class dataplane.Class, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if err := p.Publish([]dataplane.Message{reading(class, n)}); err != nil {
			t.Fatal(err)
		}
	}
}

// checkOnce fails unless the messages of a class are 0 to n-1, each once and
// in order.
func checkOnce(t *testing.T, got []dataplane.Message, class dataplane.Class, n int) {
	t.Helper()
	next := int64(0)
	for _, m := range got {
		if m.Class != class {
			continue
		}
		if v, _ := m.Value.Int64(); v != next {
			t.Fatalf("%v: got message %d, want %d", class, v, next)
		}
		next++
	}
	if int(next) != n {
		t.Fatalf("%v: got %d messages, want %d", class, next, n)
	}
}

// TestIdlePublisherIsKnown starts a publisher that has nothing to say.
func TestIdlePublisherIsKnown(t *testing.T) {
	c := startCloud(t, "tcp://127.0.0.1:*", nil)
	p := startPublisher(t, PublisherOptions{Uplink: c.router.Endpoint()})
	eventually(t, "an RT session", func() bool { return p.Connected(dataplane.RT) })
	if p.Connected(dataplane.BT) {
		t.Error("the BT lane is connected, though nothing was published there")
	}
}

// TestLanesHurryEachOther has one lane wait for an hour before it dials again,
// while the other one finds that cloudsvc is back.
func TestLanesHurryEachOther(t *testing.T) {
	for i, waiting := range dataplane.Classes {
		t.Run(waiting.String(), func(t *testing.T) {
			uplinkAt := "tcp://127.0.0.1:" + freePort(t)
			p := newPublisher(t, PublisherOptions{Uplink: uplinkAt})
			var failures atomic.Int32
			p.lanes[waiting].random = func(int64) int64 {
				failures.Add(1)
				return int64(time.Hour)
			}
			p.lanes[dataplane.Classes[1-i]].random = func(int64) int64 { return 0 }
			p.start()
			publish(t, p, dataplane.BT, 0, 1) // both lanes dial
			eventually(t, "a failure", func() bool { return failures.Load() > 0 })
			startCloud(t, uplinkAt, nil)
			eventually(t, "a session of the lane that waits", func() bool { return p.Connected(waiting) })
			p.stop() // while there is somebody to say goodbye to
		})
	}
}

func TestPublisherReachesRouter(t *testing.T) {
	c := startCloud(t, "tcp://127.0.0.1:*", nil)
	p := startPublisher(t, PublisherOptions{Uplink: c.router.Endpoint()})
	publish(t, p, dataplane.RT, 0, 2500)
	publish(t, p, dataplane.BT, 0, 2500)
	eventually(t, "5000 messages", func() bool { return len(c.messages()) == 5000 })
	got := c.messages()
	checkOnce(t, got, dataplane.RT, 2500)
	checkOnce(t, got, dataplane.BT, 2500)
	if got[0].Node != "edge-1" || got[0].ID.Publisher != "edge-1/mapper" || got[0].Seq == 0 {
		t.Errorf("message lacks node, publisher or sequence: %+v", got[0])
	}
}

// TestRouterRestart restarts cloudsvc's end while a publisher sends; the new
// one knows what the old one stored.
func TestRouterRestart(t *testing.T) {
	c := startCloud(t, "tcp://127.0.0.1:*", nil)
	p := startPublisher(t, PublisherOptions{Uplink: c.router.Endpoint()})
	publish(t, p, dataplane.RT, 0, 100)
	eventually(t, "100 messages", func() bool { return len(c.messages()) == 100 })
	c.stop()
	publish(t, p, dataplane.RT, 100, 200)
	last := c.got[len(c.got)-1].ID

	c2 := startCloud(t, c.router.Endpoint(), c.got)
	c2.mu.Lock()
	c2.receiver.Restore("edge-1/mapper", p.spool.ID(), dataplane.RT, dataplane.Mark{Epoch: last.Epoch, Seq: last.Seq}, false)
	c2.mu.Unlock()
	publish(t, p, dataplane.RT, 200, 300)
	eventually(t, "300 messages", func() bool { return len(c2.messages()) == 300 })
	checkOnce(t, c2.messages(), dataplane.RT, 300)
}

// TestPublisherRestart stops a publisher and starts another one of its name,
// which has another spool: the first said goodbye, so it is let in at once.
// One that was killed says none; see the end-to-end tests.
func TestPublisherRestart(t *testing.T) {
	c := startCloud(t, "tcp://127.0.0.1:*", nil)
	p := startPublisher(t, PublisherOptions{Uplink: c.router.Endpoint()})
	publish(t, p, dataplane.RT, 0, 10)
	eventually(t, "10 messages", func() bool { return len(c.messages()) == 10 })
	p.stop()
	p2 := startPublisher(t, PublisherOptions{Uplink: c.router.Endpoint()})
	publish(t, p2, dataplane.RT, 10, 20)
	eventually(t, "20 messages", func() bool { return len(c.messages()) == 20 })
	checkOnce(t, c.messages(), dataplane.RT, 20)
}

// TestBTDialsForAnEarlierEpoch: its end may be a gap of which subscribers are to
// hear, though nothing is published any more.
func TestBTDialsForAnEarlierEpoch(t *testing.T) {
	c := startCloud(t, "tcp://127.0.0.1:*", nil)
	o := PublisherOptions{Uplink: c.router.Endpoint(), Spool: spool.Storage{Dir: t.TempDir(), MaxBytes: 1 << 20}}
	p := startPublisher(t, o)
	publish(t, p, dataplane.BT, 0, 1)
	p.stop()
	p = startPublisher(t, o)
	eventually(t, "a session of BT", func() bool { return p.Connected(dataplane.BT) })
}

// TestDrain stops a publisher that has a batch in hand: it is delivered. Often,
// as one lane's connection closes while the other's opens.
func TestDrain(t *testing.T) {
	for range 20 {
		c := startCloud(t, "tcp://127.0.0.1:*", nil)
		p := startPublisher(t, PublisherOptions{
			Uplink: c.router.Endpoint(),
			Batch:  uplink.BatchPolicy{MaxCount: 1000, MaxBytes: 1 << 20, MaxAge: time.Hour},
		})
		publish(t, p, dataplane.BT, 0, 10)
		p.stop()
		checkOnce(t, c.messages(), dataplane.BT, 10)
		if n := p.Undelivered(); n != 0 {
			t.Errorf("undelivered: got %d, want 0", n)
		}
	}
}

// TestDrainDials stops a publisher that has given cloudsvc up for a long time,
// just as it comes back: it is dialled at once.
func TestDrainDials(t *testing.T) {
	endpoint := "tcp://127.0.0.1:" + freePort(t)
	log := &logLines{}
	p, err := NewPublisher(PublisherOptions{
		Node: "edge-1", Mapper: "mapper", Uplink: endpoint, Spool: spool.Storage{MaxBytes: 1 << 20}, Logger: log.logger(),
		Batch: uplink.BatchPolicy{MaxCount: 1000, MaxBytes: 1 << 20, MaxAge: time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range p.lanes {
		l.random = func(int64) int64 { return int64(time.Hour) }
	}
	for _, c := range dataplane.Classes {
		if err := p.Publish([]dataplane.Message{reading(c, 0)}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1) // Run's one result
	go func() { done <- p.Run(ctx) }()
	eventually(t, "both lanes gave up", func() bool { return log.count("nobody answers") == 2 })
	c := startCloud(t, endpoint, nil)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	checkOnce(t, c.messages(), dataplane.RT, 1)
	checkOnce(t, c.messages(), dataplane.BT, 1)
	if n := p.Undelivered(); n != 0 {
		t.Errorf("undelivered: got %d, want 0", n)
	}
}

// TestSpoolFull publishes more than fits while cloudsvc is away: what is
// dropped is counted, and logged once.
func TestSpoolFull(t *testing.T) {
	log := &logLines{}
	p := startPublisher(t, PublisherOptions{
		Uplink: "tcp://127.0.0.1:" + freePort(t), Spool: spool.Storage{MaxBytes: 64 << 10}, Logger: log.logger(),
	})
	publish(t, p, dataplane.RT, 0, 1000)
	if n := p.Dropped(); n == 0 || n >= 1000 {
		t.Errorf("dropped: got %d, want some of 1000", n)
	}
	if n := log.count("Spool is full"); n != 1 {
		t.Errorf("lines that the spool is full: got %d, want 1", n)
	}
}

// TestSmallSpool: a spool that holds less than a batch loses nothing while
// cloudsvc is there.
func TestSmallSpool(t *testing.T) {
	c := startCloud(t, "tcp://127.0.0.1:*", nil)
	p := startPublisher(t, PublisherOptions{
		Uplink: c.router.Endpoint(), Spool: spool.Storage{MaxBytes: 64 << 10},
		Batch: uplink.BatchPolicy{MaxCount: 10_000, MaxBytes: 1 << 20, MaxAge: time.Hour},
	})
	for n := 20; n <= 1000; n += 20 { // a hundred may wait, which is half of the spool
		publish(t, p, dataplane.BT, n-20, n)
		eventually(t, "most of what was published", func() bool { return len(c.messages()) >= n-80 })
	}
	if n := p.Dropped(); n != 0 {
		t.Errorf("dropped: got %d, want 0", n)
	}
}

// TestUndelivered stops a publisher that never reached cloudsvc.
func TestUndelivered(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0") // nobody answers here
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	p := startPublisher(t, PublisherOptions{Uplink: "tcp://" + dead.Addr().String()})
	publish(t, p, dataplane.RT, 0, 7)
	publish(t, p, dataplane.BT, 0, 5)
	start := time.Now()
	p.stop()
	if n, kept := p.Undelivered(), p.Kept(); n != 12 || kept != 0 {
		t.Errorf("got %d undelivered and %d kept, want 12 and none", n, kept)
	}
	if took := time.Since(start); took > drainTime+time.Second {
		t.Errorf("stopping took %v, want at most %v", took, drainTime)
	}
}

// TestStoppedWithADisk stops a publisher that never reached cloudsvc: what is on
// disk can wait for the next start.
func TestStoppedWithADisk(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0") // nobody answers here
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	p := startPublisher(t, PublisherOptions{
		Uplink: "tcp://" + dead.Addr().String(), Spool: spool.Storage{Dir: t.TempDir(), MaxBytes: 1 << 20},
	})
	publish(t, p, dataplane.RT, 0, 7)
	publish(t, p, dataplane.BT, 0, 5)
	start := time.Now()
	p.stop()
	if n, kept := p.Undelivered(), p.Kept(); n != 12 || kept != 12 {
		t.Errorf("got %d undelivered and %d kept, want 12 of each", n, kept)
	}
	if took := time.Since(start); took > drainTime/2 {
		t.Errorf("stopping took %v, where there is nothing to wait for", took)
	}
}

// TestNobodyAnswers has a publisher say, and once only, that nobody is there.
func TestNobodyAnswers(t *testing.T) {
	log := &logLines{}
	endpoint := "tcp://127.0.0.1:" + freePort(t)
	p := startPublisher(t, PublisherOptions{Uplink: endpoint, Logger: log.logger()})
	said := func() int { return log.count("nobody answers at " + endpoint) }
	eventually(t, "a line that nobody answers", func() bool { return said() > 0 })
	p.stop()
	if n := said(); n != 1 {
		t.Errorf("lines that nobody answers: got %d, want 1", n)
	}
}

// A refuser answers every frame with a refusal.
type refuser struct{ router *Router }

func (r *refuser) Receive(peer uplink.Peer, _ []byte) {
	r.router.Send([]uplink.Reply{{To: peer, Frame: &dataplane.Refuse{Code: dataplane.RefuseInUse, Text: "taken"}}})
}

func (r *refuser) Unreachable(uplink.Peer) {}

// TestRefusedAtOnce has a refusal come together with the news that the
// connection is made, and be read first: somebody has answered.
func TestRefusedAtOnce(t *testing.T) {
	router, err := NewRouter("tcp://127.0.0.1:*")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- router.Run(ctx, &refuser{router}) }()
	p := newPublisher(t, PublisherOptions{Uplink: router.Endpoint()})
	c, err := p.lanes[dataplane.RT].dial()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a refusal", func() bool { return errors.Join(c.send(), c.receive()) != nil })
	if !c.reached {
		t.Error("a connection that brought a refusal passes for one where nobody answers")
	}
	c.close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	p.Close()
}

// logLines is what was logged.
type logLines struct {
	mu    sync.Mutex
	lines []string
}

func (l *logLines) logger() klog.Logger {
	return funcr.New(func(_, line string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, line)
	}, funcr.Options{})
}

// count returns how many lines have a text.
func (l *logLines) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// TestRouterGarbage sends what is no frame: it gets no answer, and a good
// publisher is not disturbed.
func TestRouterGarbage(t *testing.T) {
	c := startCloud(t, "tcp://127.0.0.1:*", nil)
	zctx, err := zmq.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = zctx.Term() }()
	s, err := zctx.NewSocket(zmq.DEALER)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	_ = s.SetLinger(0)
	_ = s.SetRcvtimeo(200 * time.Millisecond)
	if err := s.Connect(c.router.Endpoint()); err != nil {
		t.Fatal(err)
	}
	for _, junk := range []string{"", "x", "DS", strings.Repeat("y", 1000)} {
		if _, err := s.Send(junk, 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.SendMessage("three", "parts", "here"); err != nil {
		t.Fatal(err)
	}
	p := startPublisher(t, PublisherOptions{Uplink: c.router.Endpoint()})
	publish(t, p, dataplane.RT, 0, 10)
	eventually(t, "10 messages", func() bool { return len(c.messages()) == 10 })
	if b, err := s.RecvBytes(0); err == nil {
		t.Errorf("garbage got the answer %q, want none", b)
	}
}

// pythonSubscriber subscribes with Debian's python3-zmq and prints "ready",
// then n messages, their frames apart by a tab.
const pythonSubscriber = `
import sys, zmq
s = zmq.Context().socket(zmq.SUB)
s.connect(sys.argv[1])
s.setsockopt_string(zmq.SUBSCRIBE, sys.argv[2])
print("ready", flush=True)
for _ in range(int(sys.argv[3])):
    print("\t".join(p.decode() for p in s.recv_multipart()), flush=True)
`

// TestLAN has a program in another language read the LAN socket, in both
// formats.
func TestLAN(t *testing.T) {
	cases := []struct {
		name, prefix, want string
		text               bool
	}{
		{"address and JSON", "default/sensor/", "default/sensor/temperature/boiler-1\t{\"id\":\"edge-1/mapper/RT/", false},
		{"text", "sensor/temperature ", "sensor/temperature {\"id\":\"edge-1/mapper/RT/", true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			lan := "tcp://127.0.0.1:" + freePort(t)
			p := startPublisher(t, PublisherOptions{Uplink: "tcp://127.0.0.1:1", LAN: lan, LANText: tc.text})
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, "/usr/bin/python3", "-c", pythonSubscriber, lan, tc.prefix, "3")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Wait() }()
			defer cancel()
			lines := make(chan string)
			go func() {
				defer close(lines)
				for sc := bufio.NewScanner(out); sc.Scan(); {
					lines <- sc.Text()
				}
			}()
			if got := <-lines; got != "ready" {
				t.Fatalf("subscriber: got %q, want ready", got)
			}
			// PUB knows a subscriber only some time after it connects.
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for got, n := 0, 0; got < 3; {
				select {
				case line, open := <-lines:
					if !open || !strings.HasPrefix(line, tc.want) {
						t.Fatalf("line: got %q, want the prefix %q", line, tc.want)
					}
					got++
				case <-tick.C:
					publish(t, p, dataplane.RT, n, n+1)
					n++
				case <-ctx.Done():
					t.Fatal("no messages on the LAN in 20 s")
				}
			}
		})
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

func TestPublisherOptions(t *testing.T) {
	good := PublisherOptions{
		Node: "n", Mapper: "m", Uplink: "tcp://127.0.0.1:1", Spool: spool.Storage{MaxBytes: 1 << 20},
		Batch: uplink.BatchPolicy{MaxCount: 1, MaxBytes: 1, MaxAge: 1},
	}
	cases := map[string]struct {
		change func(*PublisherOptions)
		want   string
	}{
		"no uplink":   {func(o *PublisherOptions) { o.Uplink = "" }, "uplink is empty"},
		"bad node":    {func(o *PublisherOptions) { o.Node = "a b" }, `node "a b"`},
		"no batch":    {func(o *PublisherOptions) { o.Batch.MaxCount = 0 }, "batch of 0 records"},
		"no spool":    {func(o *PublisherOptions) { o.Spool.MaxBytes = 0 }, "spool of 0 bytes"},
		"LAN in use":  {func(o *PublisherOptions) { o.LAN = "tcp://192.0.2.1:1" }, "bind the LAN socket to tcp://192.0.2.1:1"},
		"LAN garbage": {func(o *PublisherOptions) { o.LAN = "here" }, "bind the LAN socket to here"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := good
			tc.change(&o)
			_, err := NewPublisher(o)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	most := func(n int64) int64 { return n - 1 }
	for failures, want := range []time.Duration{
		200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond,
	} {
		if got := backoff(failures, most); got > want+time.Millisecond || got < want-time.Millisecond {
			t.Errorf("backoff(%d): got %v, want at most %v", failures, got, want)
		}
	}
	if got := backoff(1000, most); got > maxBackoff+time.Millisecond {
		t.Errorf("backoff(1000): got %v, want at most %v", got, maxBackoff)
	}
}
