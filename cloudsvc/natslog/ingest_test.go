package natslog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"

	"datastub/cloudsvc"
	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// cloud is an Ingest on a real log.
type cloud struct {
	*cloudsvc.Ingest
	log  *Log
	stop context.CancelFunc
	done chan error

	mu    sync.Mutex
	peers map[uplink.Peer]chan dataplane.Frame
}

func startCloud(t testing.TB, o Options) *cloud {
	t.Helper()
	ctx, stop := context.WithCancel(klog.NewContext(t.Context(), klog.Logger{}))
	c := &cloud{log: open(t, o), stop: stop, done: make(chan error, 1), peers: make(map[uplink.Peer]chan dataplane.Frame)}
	var err error
	c.Ingest, err = cloudsvc.NewIngest(ctx, cloudsvc.IngestOptions{
		Log: c.log, Marks: c.log, Eras: c.log, MaxFrame: c.log.MaxFrame(),
		Registry: cloudsvc.NewRegistry(cloudsvc.RegistryOptions{}), Metrics: cloudsvc.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Connect(c.route)
	go func() { c.done <- c.Run(ctx) }()
	return c
}

// end stops the Ingest and closes the log.
func (c *cloud) end(t testing.TB) {
	t.Helper()
	c.stop()
	if err := <-c.done; err != nil {
		t.Error(err)
	}
	c.log.Close()
}

func (c *cloud) route(replies []uplink.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range replies {
		select {
		case c.peers[r.To] <- r.Frame:
		default: // lost, as from a socket that is full; the next ACK makes it good
		}
	}
}

// peer speaks for a publisher as its spool would.
type peer struct {
	t       testing.TB
	cloud   *cloud
	name    string
	replies chan dataplane.Frame
	session uint64
	stored  dataplane.Mark
	packer  *dataplane.Packer
}

// connect says HELLO.
func (c *cloud) connect(t testing.TB, name string, packer *dataplane.Packer) *peer {
	t.Helper()
	p := &peer{t: t, cloud: c, name: name, replies: make(chan dataplane.Frame, 1000), packer: packer}
	c.mu.Lock()
	c.peers[uplink.Peer(name)] = p.replies
	c.mu.Unlock()
	p.say(&dataplane.Hello{
		Publisher: name, Lane: dataplane.RT, Epochs: []dataplane.EpochRange{{Epoch: 1, First: 1}},
		MinVersion: dataplane.Version, MaxVersion: dataplane.Version,
	})
	for ok := range p.replies {
		if ok, is := ok.(*dataplane.HelloOK); is {
			p.session, p.stored = ok.Session, ok.Stored
			return p
		}
	}
	return p
}

func (p *peer) say(f dataplane.Frame) {
	p.cloud.Receive(uplink.Peer(p.name), dataplane.AppendFrame(nil, f))
}

// send sends one frame of records behind what is stored, up to a sequence.
func (p *peer) send(last uint64) {
	p.t.Helper()
	b := &dataplane.Batch{Class: dataplane.RT, Epoch: 1, First: p.stored.Seq + 1}
	for b.First+uint64(len(b.Messages)) <= last {
		b.Messages = append(b.Messages, dataplane.Message{
			Topic: "sensor/temperature", Namespace: "default", Device: "boiler", Class: dataplane.RT,
			Value: dataplane.IntValue(1), Time: time.Unix(1, 0),
		})
	}
	data, err := p.packer.Pack(b)
	if err != nil {
		p.t.Error(err)
		return
	}
	data.Session = p.session
	p.say(data)
}

// await waits until all up to a sequence is stored, and tells whether it is:
// cloudsvc may say goodbye before.
func (p *peer) await(last uint64) bool {
	p.t.Helper()
	timeout := time.After(20 * time.Second)
	for p.stored.Seq < last {
		select {
		case f := <-p.replies:
			switch f := f.(type) {
			case *dataplane.Ack:
				p.stored = f.Stored
			case *dataplane.Bye:
				return false
			}
		case <-timeout:
			p.t.Errorf("%s: stored %v after 20 s, want %d", p.name, p.stored, last)
			return false
		}
	}
	return true
}

// records counts what the log holds of each publisher, and finds what is there
// twice, or not.
func records(t testing.TB, l *Log) map[string]uint64 {
	t.Helper()
	ends := make(map[string]uint64)
	err := l.Replay(t.Context(), dataplane.RT, 0, func(seq uint64, _ time.Time, raw []byte) error {
		b, err := cloudsvc.ParseBlock(raw)
		if err != nil {
			return err
		}
		for _, r := range b.Ranges {
			if r.First != ends[r.Publisher]+1 {
				t.Errorf("block %d: %s: %d-%d behind %d", seq, r.Publisher, r.First, r.Last, ends[r.Publisher])
			}
			ends[r.Publisher] = r.Last
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ends
}

// Many peers at once, cloudsvc stopped and started under them on one folder:
// all is stored once, and what was acknowledged is never asked for again.
func TestIngestOverRestarts(t *testing.T) {
	t.Parallel()
	const peers, rounds, perRound = 30, 3, 20
	dir := t.TempDir()
	packer, err := dataplane.NewPacker()
	if err != nil {
		t.Fatal(err)
	}
	acked := make([]uint64, peers)
	for range rounds {
		c := startCloud(t, Options{Dir: dir})
		var all sync.WaitGroup
		for n := range peers {
			all.Go(func() {
				p := c.connect(t, fmt.Sprintf("edge-%d/m", n), packer)
				if p.stored.Seq < acked[n] {
					t.Errorf("%s: stored %v, of which %d was acknowledged", p.name, p.stored, acked[n])
				}
				for range perRound {
					last := p.stored.Seq + 3
					p.send(last - 1)
					p.send(last) // the same again, and one more
					if !p.await(last) {
						return
					}
				}
				acked[n] = p.stored.Seq
			})
		}
		all.Wait()
		c.end(t)
	}
	l := openFolder(t, dir)
	for name, got := range records(t, l) {
		if want := uint64(rounds * perRound * 3); got != want {
			t.Errorf("%s: %d records, want %d", name, got, want)
		}
	}
}

// A snapshot that is gone, and one that is not whole, only cost time.
func TestIngestWithoutMarks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	packer, err := dataplane.NewPacker()
	if err != nil {
		t.Fatal(err)
	}
	for round, spoil := range []func(*Log) error{
		func(l *Log) error { return l.marks.bucket.Purge(t.Context(), marksKey) },
		func(l *Log) error {
			_, err := l.marks.bucket.Put(t.Context(), l.marks.last.key(0), []byte("spoiled"))
			return err
		},
		func(*Log) error { return nil },
	} {
		c := startCloud(t, Options{Dir: dir})
		p := c.connect(t, "edge/m", packer)
		if want := uint64(5 * round); p.stored.Seq != want {
			t.Errorf("round %d: stored %v, want %d", round, p.stored, want)
		}
		last := p.stored.Seq + 5
		p.send(last)
		p.await(last)
		c.stop()
		if err := <-c.done; err != nil {
			t.Error(err)
		}
		if err := spoil(c.log); err != nil {
			t.Error(err)
		}
		c.log.Close()
	}
	if got := records(t, openFolder(t, dir))["edge/m"]; got != 15 {
		t.Errorf("%d records, want 15", got)
	}
}

// A cluster that goes away makes cloudsvc not ready, and nothing else.
func TestIngestOverClusterRestart(t *testing.T) {
	t.Parallel()
	o := clusterOptions(t)
	s := runServer(t, o)
	o.Port = portOf(s)
	packer, err := dataplane.NewPacker()
	if err != nil {
		t.Fatal(err)
	}
	c := startCloud(t, Options{URL: s.ClientURL()})
	p := c.connect(t, "edge/m", packer)
	p.send(10)
	p.await(10)
	stopServer(s)
	p.send(20)
	eventually(t, "cloudsvc is not ready", func() bool { return c.Ready() != nil })
	runServer(t, o)
	if p.await(20) {
		eventually(t, "cloudsvc is ready", func() bool { return c.Ready() == nil })
	}
	if got := records(t, c.log)["edge/m"]; got != 20 {
		t.Errorf("%d records, want 20", got)
	}
	c.end(t)
}

// Of two on one cluster the one that did not write last ends.
func TestIngestFenced(t *testing.T) {
	t.Parallel()
	s := runServer(t, clusterOptions(t))
	packer, err := dataplane.NewPacker()
	if err != nil {
		t.Fatal(err)
	}
	one, other := startCloud(t, Options{URL: s.ClientURL()}), startCloud(t, Options{URL: s.ClientURL()})
	p := one.connect(t, "edge/m", packer)
	p.send(1)
	p.await(1)
	other.connect(t, "edge/m", packer).send(1)
	select {
	case err := <-other.done:
		if !errors.Is(err, cloudsvc.ErrFenced) {
			t.Errorf("got %v, want ErrFenced", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the other one goes on")
	}
	other.stop()
	if got := records(t, one.log)["edge/m"]; got != 1 {
		t.Errorf("%d records, want 1", got)
	}
	one.end(t)
}
