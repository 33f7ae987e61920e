package cloudsvc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
)

// memoryLog is a Log, a MarkStore and an EraStore that does as a test says.
type memoryLog struct {
	before func(ctx context.Context, class dataplane.Class) error // an error: the block is not stored
	after  func() error                                           // an error: it is, and nobody is told
	read   func(ctx context.Context, class dataplane.Class) error // before a replay

	mu       sync.Mutex
	blocks   map[dataplane.Class][][]byte
	times    map[dataplane.Class][]time.Time                // when they were stored
	gone     map[dataplane.Class]uint64                     // how many of them its limits have taken
	trimmed  func(class dataplane.Class, block uint64) bool // which of them those of their shelves have; nil: none
	snapshot []byte
	eras     []byte // the record
	starts   eras   // of what delivers from it; not guarded
	tries    int
	dead     bool // its process was killed: nothing of it arrives any more
}

func newMemoryLog() *memoryLog {
	return &memoryLog{
		before: func(context.Context, dataplane.Class) error { return nil },
		after:  func() error { return nil },
		read:   func(context.Context, dataplane.Class) error { return nil },
		blocks: make(map[dataplane.Class][][]byte),
		times:  make(map[dataplane.Class][]time.Time),
		gone:   make(map[dataplane.Class]uint64),
	}
}

var errDead = errors.New("this process was killed")

func (l *memoryLog) Append(ctx context.Context, class dataplane.Class, _ uint32, block []byte) (uint64, error) {
	l.mu.Lock()
	l.tries++
	l.mu.Unlock()
	if err := l.before(ctx, class); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return 0, errDead
	}
	if n := len(l.blocks[class]); n == 0 || !bytes.Equal(l.blocks[class][n-1], block) {
		l.blocks[class] = append(l.blocks[class], bytes.Clone(block))
		l.times[class] = append(l.times[class][:n], time.Now())
	}
	return uint64(len(l.blocks[class])), l.after()
}

func (l *memoryLog) Replay(ctx context.Context, class dataplane.Class, after uint64, visit Visit) error {
	if err := l.read(ctx, class); err != nil {
		return err
	}
	l.mu.Lock()
	blocks, times, gone := l.blocks[class], l.times[class], l.gone[class]
	l.mu.Unlock()
	if after > uint64(len(blocks)) {
		return fmt.Errorf("%d blocks of %v: %w", len(blocks), class, ErrTruncated)
	}
	for n := max(after, gone); n < uint64(len(blocks)); n++ {
		if l.trimmed != nil && l.trimmed(class, n+1) {
			continue
		}
		if err := visit(n+1, times[n], blocks[n]); err != nil {
			return err
		}
	}
	return nil
}

func (l *memoryLog) Before(_ context.Context, class dataplane.Class, at time.Time) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	gone := l.gone[class]
	n := sort.Search(len(l.times[class]), func(n int) bool { return uint64(n) >= gone && !l.times[class][n].Before(at) })
	if uint64(n) <= gone {
		return 0, nil
	}
	return uint64(n), nil
}

func (l *memoryLog) Ends(_ context.Context, class dataplane.Class) (first, last uint64, err error) {
	return l.gone[class] + 1, uint64(len(l.all(class))), nil
}

func (l *memoryLog) LoadMarks(context.Context) ([]byte, error) { return l.marks(), nil }

// marks returns what was saved.
func (l *memoryLog) marks() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.snapshot
}

func (l *memoryLog) SaveMarks(_ context.Context, snapshot []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return errDead
	}
	l.snapshot = snapshot
	return nil
}

func (l *memoryLog) LoadEras(context.Context) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.eras, nil
}

func (l *memoryLog) SaveEras(_ context.Context, record []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return errDead
	}
	l.eras = record
	return nil
}

func (l *memoryLog) all(class dataplane.Class) [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.blocks[class])
}

// ranges returns what the log holds of a class, in order.
func (l *memoryLog) ranges(t testing.TB, class dataplane.Class) []Range {
	t.Helper()
	var all []Range
	for n, raw := range l.all(class) {
		b, err := ParseBlock(raw)
		if err != nil {
			t.Fatalf("block %d: %v", n+1, err)
		}
		all = append(all, b.Ranges...)
	}
	return all
}

// checkOnce checks that the log holds all records of each publisher and lane
// up to the last, once and in order, and returns how many they are.
func (l *memoryLog) checkOnce(t testing.TB) (records uint64) {
	t.Helper()
	for _, c := range dataplane.Classes {
		ends := make(map[string]dataplane.Mark)
		for _, r := range l.ranges(t, c) {
			end := ends[r.Publisher]
			want := uint64(1)
			if r.Epoch == end.Epoch {
				want = end.Seq + 1
			}
			if r.First != want || r.Epoch < end.Epoch {
				t.Errorf("%s %v: records %d/%d-%d stand behind %v", r.Publisher, c, r.Epoch, r.First, r.Last, end)
			}
			ends[r.Publisher] = dataplane.Mark{Epoch: r.Epoch, Seq: r.Last}
			records += r.Last - r.First + 1
		}
	}
	return records
}

// cloud is an Ingest at work, and what it sent to peers that are no edges.
type cloud struct {
	*Ingest
	stop context.CancelFunc
	done chan error

	mu    sync.Mutex
	edges map[uplink.Peer]*edge
	sent  map[uplink.Peer][]dataplane.Frame
}

func newTestIngest(t testing.TB, log *memoryLog, change func(*IngestOptions)) *Ingest {
	t.Helper()
	o := IngestOptions{
		Log: log, Marks: log, Eras: log, MaxFrame: dataplane.MaxFrame,
		Registry: NewRegistry(RegistryOptions{}), Metrics: NewMetrics(prometheus.NewRegistry()),
	}
	if change != nil {
		change(&o)
	}
	i, err := NewIngest(quiet(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// quiet keeps what is logged to itself: it is what the test is about to cause.
func quiet(ctx context.Context) context.Context { return klog.NewContext(ctx, klog.Logger{}) }

// startCloud runs an Ingest; end ends it.
func startCloud(ctx context.Context, t testing.TB, log *memoryLog, change func(*IngestOptions)) *cloud {
	t.Helper()
	ctx, stop := context.WithCancel(ctx)
	c := &cloud{
		Ingest: newTestIngest(t, log, change), stop: stop, done: make(chan error, 1),
		edges: make(map[uplink.Peer]*edge), sent: make(map[uplink.Peer][]dataplane.Frame),
	}
	c.Connect(c.route)
	go func() { c.done <- c.Run(ctx) }()
	return c
}

// end stops the Ingest and returns what Run did, once.
func (c *cloud) end() error {
	c.stop()
	return <-c.done
}

// route carries replies to where they are to go, as bytes.
func (c *cloud) route(replies []uplink.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range replies {
		f, err := dataplane.DecodeFrame(dataplane.AppendFrame(nil, r.Frame))
		if err != nil {
			panic(err) // a frame of our own
		}
		e := c.edges[r.To]
		if e == nil {
			c.sent[r.To] = append(c.sent[r.To], f)
			continue
		}
		select {
		case e.inbox <- f:
		default: // lost, as from a socket that is full
		}
	}
}

// replies returns what was sent to a peer, and forgets it.
func (c *cloud) replies(peer uplink.Peer) []dataplane.Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.sent[peer]
	c.sent[peer] = nil
	return all
}

// say sends one frame and returns what is answered at once.
func (c *cloud) say(peer uplink.Peer, f dataplane.Frame) []dataplane.Frame {
	c.Receive(peer, dataplane.AppendFrame(nil, f))
	return c.replies(peer)
}

// hello opens a session under the peer's name.
func (c *cloud) hello(t testing.TB, publisher string, lane dataplane.Class) *dataplane.HelloOK {
	t.Helper()
	answers := c.say(uplink.Peer(publisher), &dataplane.Hello{
		Publisher: publisher, Lane: lane, Epochs: []dataplane.EpochRange{{Epoch: 1, First: 1}},
		MinVersion: dataplane.Version, MaxVersion: dataplane.Version,
	})
	if len(answers) == 1 {
		if ok, granted := answers[0].(*dataplane.HelloOK); granted {
			return ok
		}
	}
	t.Fatalf("HELLO of %s: answered by %#v", publisher, answers)
	return nil
}

// edge is a mapper's end of one lane: a real Sender on a real spool.
type edge struct {
	name  string
	lane  dataplane.Class
	spool *spool.Spool
	inbox chan dataplane.Frame // of the connection; the cloud's mu guards it
	wake  chan struct{}        // holds one token while something was published
}

func newEdge(t testing.TB, name string, lane dataplane.Class, maxBytes int64) *edge {
	t.Helper()
	s, err := spool.Open(spool.Options{Publisher: name, Storage: spool.Storage{MaxBytes: maxBytes}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return &edge{name: name, lane: lane, spool: s, wake: make(chan struct{}, 1)}
}

// publish accepts messages at the edge, to some topics in turn.
func (e *edge) publish(t testing.TB, n int, topics ...string) {
	t.Helper()
	if len(topics) == 0 {
		topics = []string{"sensor/0", "sensor/1", "sensor/2"}
	}
	messages := make([]dataplane.Message, n)
	for i := range messages {
		messages[i] = dataplane.Message{
			Topic: topics[i%len(topics)], Namespace: "default", Device: "d", Class: e.lane,
			Value: dataplane.IntValue(int64(i)), Time: time.Now(),
		}
	}
	if err := e.spool.Append(messages); err != nil {
		t.Error(err)
	}
	select {
	case e.wake <- struct{}{}:
	default: // a token is there
	}
}

// connect speaks with a cloud, over one connection after the other, until ctx
// ends.
func (e *edge) connect(ctx context.Context, c *cloud, packer *dataplane.Packer) {
	for n := 0; ctx.Err() == nil; n++ {
		e.converse(ctx, c, packer, uplink.Peer(fmt.Sprintf("%s/%d", e.name, n)))
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

func (e *edge) converse(ctx context.Context, c *cloud, packer *dataplane.Packer, peer uplink.Peer) {
	c.mu.Lock()
	e.inbox = make(chan dataplane.Frame, 1000)
	inbox := e.inbox
	c.edges[peer] = e
	c.mu.Unlock()
	s := uplink.NewSender(uplink.SenderOptions{
		Publisher: e.name, Lane: e.lane, Queue: e.spool.Lane(e.lane), Packer: packer,
		Batch: uplink.BatchPolicy{MaxCount: 100, MaxBytes: 64 << 10, MaxAge: time.Second},
	}, time.Now())
	for ctx.Err() == nil {
		for {
			b, err := s.Next(time.Now())
			if err != nil {
				return
			}
			if b == nil {
				break
			}
			c.Receive(peer, b)
		}
		var err error
		select {
		case f := <-inbox:
			err = s.Receive(f, time.Now())
		case <-e.wake:
		case <-time.After(time.Until(s.Due())):
		case <-ctx.Done():
		}
		if err != nil {
			return
		}
	}
}

// settle lets time pass until all that edges accepted is durable.
func settle(t testing.TB, edges []*edge) {
	t.Helper()
	for range 300 {
		synctest.Wait()
		if !slices.ContainsFunc(edges, func(e *edge) bool { return e.spool.Stats(e.lane).Held.Records > 0 }) {
			return
		}
		<-time.After(time.Second)
	}
	t.Error("some records are not durable after 5 minutes")
}

func newTestPacker(t testing.TB) *dataplane.Packer {
	t.Helper()
	p, err := dataplane.NewPacker()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// dataFrame packs records first to last of epoch 1, one topic each of topics.
func dataFrame(t testing.TB, packer *dataplane.Packer, session uint64, lane dataplane.Class, first uint64, topics ...string) *dataplane.Data {
	t.Helper()
	b := &dataplane.Batch{Class: lane, Epoch: 1, First: first}
	for _, topic := range topics {
		b.Messages = append(b.Messages, dataplane.Message{
			Topic: topic, Namespace: "default", Device: "d", Value: dataplane.IntValue(1), Time: time.Unix(1, 0),
		})
	}
	d, err := packer.Pack(b)
	if err != nil {
		t.Fatal(err)
	}
	d.Session = session
	return d
}
