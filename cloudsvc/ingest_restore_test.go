package cloudsvc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
)

// cloudsvc is killed again and again, with a log that fails and lies, and goes
// on with whatever snapshot of the marks is left: what the edges accepted is
// stored, once and in order.
func TestStoredOnceOverKills(t *testing.T) {
	t.Parallel()
	old := make(map[*memoryLog][]byte)
	var mu sync.Mutex
	for name, spoil := range map[string]func(*memoryLog){
		"last snapshot": func(*memoryLog) {},
		"no snapshot":   func(l *memoryLog) { l.snapshot = nil },
		"old snapshot": func(l *memoryLog) {
			mu.Lock()
			defer mu.Unlock()
			if old[l] == nil {
				old[l] = l.snapshot
			}
			l.snapshot = old[l]
		},
		"corrupt snapshot": func(l *memoryLog) {
			l.snapshot = append([]byte(nil), l.snapshot...)
			if n := len(l.snapshot); n > 0 {
				l.snapshot[n/2] ^= 1
			}
		},
		"half a snapshot": func(l *memoryLog) { l.snapshot = l.snapshot[:len(l.snapshot)/2] },
	} {
		for _, lag := range []time.Duration{0, 3 * time.Second} {
			t.Run(fmt.Sprintf("%s, durable after %v", name, lag), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { storeOverKills(t, spoil, lag) })
			})
		}
	}
}

func storeOverKills(t *testing.T, spoil func(*memoryLog), lag time.Duration) {
	const rounds, perRound = 4, 20
	log := unreliableLog()
	var edges []*edge
	for n := range 6 {
		edges = append(edges, newEdge(t, fmt.Sprintf("edge-%d/mapper", n), dataplane.Classes[n%2], 1<<20))
	}
	var shelves []Shelf
	for round := range rounds {
		shelves = Shelves(testRules(t, round), RetentionRule{MaxAge: 7 * day}, shelves, uint32(len(shelves)))
		run(t, log, shelves, lag, edges, func() {
			for n := range perRound {
				for i, e := range edges {
					e.publish(t, 7, [...]string{"alarm/1", "trace/1", "sensor/1"}[(n+i)%3])
				}
				<-time.After(333 * time.Millisecond)
			}
			if round == rounds-1 {
				settle(t, edges)
				return
			}
			log.mu.Lock()
			log.dead = true
			log.mu.Unlock()
		})
		log.dead = false
		spoil(log)
	}
	if got, want := log.checkOnce(t), uint64(rounds*perRound*7*len(edges)); got != want {
		t.Errorf("records stored: got %d, want %d", got, want)
	}
	log.checkShelves(t, shelves)
}

// unreliableLog fails, waits, and says that it failed when it did not.
func unreliableLog() *memoryLog {
	log := newMemoryLog()
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(1, 2))
	some := func(n int) bool {
		mu.Lock()
		defer mu.Unlock()
		return rng.IntN(n) == 0
	}
	log.before = func(ctx context.Context, _ dataplane.Class) error {
		if some(3) {
			return errors.New("refused")
		}
		if some(3) {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
		return nil
	}
	log.after = func() error {
		if some(3) {
			return errors.New("the answer was lost")
		}
		return nil
	}
	return log
}

// run runs a cloud with edges connected to it while work works.
func run(t *testing.T, log *memoryLog, shelves []Shelf, lag time.Duration, edges []*edge, work func()) {
	t.Helper()
	c := startCloud(quiet(t.Context()), t, log, func(o *IngestOptions) { o.DurableLag, o.Shelves = lag, shelves })
	runEdges(t, c, edges, work)
	if err := c.end(); err != nil {
		t.Errorf("run: %v", err)
	}
}

// runEdges has edges connected to a cloud while work works.
func runEdges(t *testing.T, c *cloud, edges []*edge, work func()) {
	t.Helper()
	ctx, cut := context.WithCancel(t.Context())
	var connected sync.WaitGroup
	for _, e := range edges {
		connected.Go(func() { e.connect(ctx, c, c.packer) })
	}
	work()
	cut()
	connected.Wait()
}

// What is found in the log at the start may still be lost to a power failure
// where the log does not sync: the edge keeps it until the lag is over.
func TestDurableTrailsAfterRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const lag = 5 * time.Second
		log := newMemoryLog()
		withLag := func(o *IngestOptions) { o.DurableLag = lag }
		c := startCloud(quiet(t.Context()), t, log, withLag)
		ok := c.hello(t, "edge/m", dataplane.RT)
		c.say("edge/m", dataFrame(t, c.packer, ok.Session, dataplane.RT, 1, "a", "b"))
		synctest.Wait()
		if err := c.end(); err != nil {
			t.Fatal(err)
		}

		c = startCloud(quiet(t.Context()), t, log, withLag)
		began := time.Now()
		ok = c.hello(t, "edge/m", dataplane.RT)
		want := dataplane.Mark{Epoch: 1, Seq: 2}
		if ok.Stored != want || ok.Durable != (dataplane.Mark{}) {
			t.Errorf("after a restart: stored %v, durable %v; want %v and nothing", ok.Stored, ok.Durable, want)
		}
		for {
			<-time.After(tickEvery)
			synctest.Wait()
			acks := c.replies("edge/m")
			if len(acks) == 0 {
				continue
			}
			ack, is := acks[0].(*dataplane.Ack)
			if !is || ack.Durable != want {
				t.Errorf("got %#v, want %v to be durable", acks[0], want)
			}
			break
		}
		if took := time.Since(began); took < lag {
			t.Errorf("durable %v after the restart: the log needs %v", took, lag)
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
	})
}

// A log that has lost its end knows less than the snapshot of the marks. The
// edge is told so, and sends the rest again.
func TestLogThatLostItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		lagging := func(o *IngestOptions) { o.DurableLag = time.Minute }
		c := startCloud(quiet(t.Context()), t, log, lagging)
		ok := c.hello(t, "edge/m", dataplane.RT)
		for first := uint64(1); first <= 3; first++ {
			c.say("edge/m", dataFrame(t, c.packer, ok.Session, dataplane.RT, first, "a"))
			synctest.Wait()
		}
		lost := c.hello(t, "lost/m", dataplane.RT)
		c.say("lost/m", dataFrame(t, c.packer, lost.Session, dataplane.RT, 1, "a"))
		synctest.Wait()
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
		log.blocks[dataplane.RT] = log.blocks[dataplane.RT][:2]

		c = startCloud(quiet(t.Context()), t, log, lagging)
		ok = c.hello(t, "edge/m", dataplane.RT)
		if want := (dataplane.Mark{Epoch: 1, Seq: 2}); ok.Stored != want {
			t.Errorf("stored: got %v, want %v", ok.Stored, want)
		}
		if lost = c.hello(t, "lost/m", dataplane.RT); lost.Stored != (dataplane.Mark{}) {
			t.Errorf("stored of whom all was lost: got %v, want nothing", lost.Stored)
		}
		c.say("edge/m", dataFrame(t, c.packer, ok.Session, dataplane.RT, 3, "a"))
		synctest.Wait()
		if err := c.end(); err != nil {
			t.Error(err)
		}
		if got := log.checkOnce(t); got != 3 {
			t.Errorf("records stored: got %d, want 3", got)
		}
	})
}

// A log that loses its end while cloudsvc runs is found out before anything of
// it is said to be durable, even if nothing is appended any more.
func TestLogThatLosesItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		c := startCloud(quiet(t.Context()), t, log, func(o *IngestOptions) { o.DurableLag = 3 * tickEvery })
		began := log.marks()
		ok := c.hello(t, "edge/m", dataplane.RT)
		c.say("edge/m", dataFrame(t, c.packer, ok.Session, dataplane.RT, 1, "a"))
		synctest.Wait()
		log.mu.Lock()
		log.blocks[dataplane.RT] = nil
		log.mu.Unlock()
		if err := <-c.done; !errors.Is(err, ErrTruncated) {
			t.Errorf("got %v, want ErrTruncated", err)
		}
		c.stop()
		for _, f := range c.replies("edge/m") {
			if ack, is := f.(*dataplane.Ack); is && ack.Durable != (dataplane.Mark{}) {
				t.Errorf("acknowledged %v as durable", ack.Durable)
			}
		}
		if !bytes.Equal(log.marks(), began) {
			t.Error("marks were saved that the log does not bear out")
		}
	})
}

// A block that cannot be read is none: its records are asked for again.
func TestCorruptBlockIsStoredAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		c := startCloud(quiet(t.Context()), t, log, nil)
		ok := c.hello(t, "edge/m", dataplane.RT)
		c.say("edge/m", dataFrame(t, c.packer, ok.Session, dataplane.RT, 1, "a", "b"))
		synctest.Wait()
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
		log.blocks[dataplane.RT][0][40] ^= 1
		log.snapshot = nil

		c = startCloud(quiet(t.Context()), t, log, nil)
		ok = c.hello(t, "edge/m", dataplane.RT)
		if ok.Stored != (dataplane.Mark{}) {
			t.Errorf("stored: got %v, want nothing", ok.Stored)
		}
		if got := count(t, c.options.Metrics.corruptBlocks); got != 1 {
			t.Errorf("corrupt blocks counted: got %v, want 1", got)
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
	})
}

// A cloudsvc is killed before it saved its marks, and stays away until limits
// have taken all blocks: who comes back to behind the last ones that the marks
// know of is told of those that nobody knows.
func TestAllTrimmedAfterKill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		c := startCloud(quiet(t.Context()), t, log, nil)
		ok := c.hello(t, "edge/m", dataplane.RT)
		c.say("edge/m", dataFrame(t, c.packer, ok.Session, dataplane.RT, 1, "a"))
		<-time.After(saveEvery + time.Second)
		at := c.Dispatcher().reached()
		c.say("edge/m", dataFrame(t, c.packer, ok.Session, dataplane.RT, 2, "a"))
		synctest.Wait()
		log.mu.Lock()
		log.dead = true
		log.mu.Unlock()
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
		log.dead = false
		log.gone[dataplane.RT] = 2

		c = startCloud(quiet(t.Context()), t, log, nil)
		filter, _ := dataplane.ParseFilter("#")
		s, err := c.Dispatcher().SubscribeFrom(t.Context(), filter, Start{After: at})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		queue, err := s.Next(ctx)
		h := had{ids: make(map[dataplane.Class][]string)}
		h.take(t, queue)
		if err != nil || len(h.gaps) != 1 || h.gaps[0].From != 2 {
			t.Errorf("got gaps %+v, %v, want one from 2", h.gaps, err)
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
	})
}
