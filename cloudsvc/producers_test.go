package cloudsvc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"datastub/dataplane"
)

// testSources notes who is to be read, and where.
type testSources struct {
	mu    sync.Mutex
	calls []string
}

func (s *testSources) Connect(source, address string, _ ...string) { s.note(source + " " + address) }
func (s *testSources) Disconnect(source string)                    { s.note("not " + source) }

func (s *testSources) note(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

// since returns what was asked for since the last time.
func (s *testSources) since() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.calls)
	text := strings.Join(s.calls, ", ")
	s.calls = nil
	return text
}

// running are Producers at work on an Ingest.
type running struct {
	*Producers
	cloud    *cloud
	registry *Registry
	sources  *testSources
	stop     func() // the Producers, who may take a while
	end      func() // both
}

func startProducers(t *testing.T, log *memoryLog, change func(*IngestOptions)) *running {
	t.Helper()
	c := startCloud(quiet(t.Context()), t, log, change)
	p, err := NewProducers(ProducersOptions{Registry: c.options.Registry, Ingest: c.Ingest})
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Producers: p, cloud: c, registry: c.options.Registry, sources: &testSources{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1) // Run's one result
	go func() { done <- p.Run(ctx, r.sources) }()
	r.stop = func() { cancel(); synctest.Wait() }
	r.end = func() {
		cancel()
		if err := errors.Join(<-done, c.end()); err != nil {
			t.Error(err)
		}
	}
	return r
}

// register registers a producer, and waits until that is known everywhere.
func (r *running) register(t *testing.T, id, address string, topics ...string) {
	t.Helper()
	if _, err := r.registry.Register(Registration{ID: id, Address: &address, Topics: topics}); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func (r *running) send(source, frame string) { r.Receive(source, [][]byte{[]byte(frame)}) }

// dropped returns how many messages were dropped for a reason.
func (r *running) dropped(t *testing.T, reason dropReason) int {
	t.Helper()
	return int(count(t, r.cloud.options.Metrics.producerDrops.WithLabelValues(string(reason))))
}

// pass lets time pass, and what is due happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// What is read follows what is registered.
func TestProducersFollowTheRegistry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := startProducers(t, newMemoryLog(), nil)
		for i, step := range []struct {
			do   func()
			want string
		}{
			{func() { r.register(t, "a", "tcp://192.0.2.1:1", "x") }, "a tcp://192.0.2.1:1"},
			{func() { r.register(t, "none", "") }, ""},
			{func() { r.register(t, "b", "tcp://192.0.2.1:1") }, "b tcp://192.0.2.1:1"}, // two at one address
			{func() { pass(29 * time.Second); r.register(t, "a", "tcp://192.0.2.1:1") }, ""},
			{func() { pass(2 * time.Second) }, "not b"},
			{func() { r.register(t, "a", "tcp://192.0.2.2:2") }, "a tcp://192.0.2.2:2, not a"},
			{func() { r.register(t, "a", "") }, "not a"},
			{func() { r.register(t, "b", "tcp://192.0.2.3:3") }, "b tcp://192.0.2.3:3"},
			{func() { r.registry.Seen("b", ""); pass(keepEvery) }, "not b"}, // a mapper took the name
		} {
			step.do()
			if got := r.sources.since(); got != step.want {
				t.Errorf("step %d: got %q, want %q", i, got, step.want)
			}
		}
		r.end()
	})
}

func TestProducersStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		r := startProducers(t, log, nil)
		r.register(t, "line-3/labeller", "tcp://192.0.2.1:1")
		r.send("line-3/labeller", "a 1")
		r.send("line-3/labeller", `b {"value":2,"class":"BT"}`)
		r.send("stranger", "a 3")
		synctest.Wait()
		if got := log.checkOnce(t); got != 2 {
			t.Errorf("stored: got %d messages, want 2", got)
		}
		if got := log.ranges(t, dataplane.RT)[0].Publisher; got != "zmq/line-3%2Flabeller" {
			t.Errorf("publisher: got %s, want the id with its slash escaped", got)
		}
		node := r.registry.Discover("")[0]
		if !slices.Equal(node.Topics, []string{"a", "b"}) {
			t.Errorf("topics: got %v, want those of its messages", node.Topics)
		}
		r.end()
	})
}

// People are told whether a producer is connected, and what was last dropped.
func TestProducersTell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := startProducers(t, newMemoryLog(), nil)
		r.register(t, "a", "tcp://192.0.2.1:1", "x")
		for i, step := range []struct {
			do   func()
			want string
		}{
			{func() {}, "not connected yet"},
			{func() { r.Changed("a", errors.New("nobody answers")) }, "not connected: nobody answers"},
			{func() { r.Changed("a", nil) }, "connected"},
			{func() { r.send("a", "x 1") }, "connected"},
			{func() { r.send("a", "y 1") }, `connected; last dropped: topic "y" is not registered: want one of those that are`},
			{func() { r.Changed("a", errors.New("broke")); r.Changed("stranger", nil) }, `not connected: broke; it broke lately, as it does at a message of more than 8388608 bytes; last dropped: topic "y" is not registered: want one of those that are`},
			{func() { r.Changed("a", nil) }, `connected; it broke lately, as it does at a message of more than 8388608 bytes; last dropped: topic "y" is not registered: want one of those that are`},
			{func() {
				for range keepTrouble / (20 * time.Second) {
					pass(20 * time.Second)
					r.register(t, "a", "tcp://192.0.2.1:1", "x")
				}
			}, "connected"},
			{func() { pass(30 * time.Second) }, "no longer read: no heartbeat for 30s"},
			{func() { r.register(t, "a", "tcp://192.0.2.1:1") }, "not connected yet"},
			{func() { r.Changed("a", nil) }, "connected"},
			{func() { r.register(t, "a", "") }, ""},
			{func() { pass(30 * time.Second) }, ""},
			{func() { r.register(t, "a", "tcp://192.0.2.1:1") }, "not connected yet"},
			{func() { r.registry.Seen("a", "") }, ""}, // a mapper took the name
		} {
			step.do()
			pass(keepEvery)
			if got := r.registry.Discover("")[0].Detail; got != step.want {
				t.Errorf("step %d: got %q, want %q", i, got, step.want)
			}
		}
		r.end()
	})
}

// A log that stands still makes nobody wait: what is beyond the bounds is
// dropped and counted, and the rest is stored once it goes on.
func TestProducersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, release := heldLog()
		r := startProducers(t, log, nil)
		const producers, each, size, budget = 2, 60, 64 << 10, 1 << 20
		r.room = semaphore.NewWeighted(budget) // before there is anything to do
		for n := range producers {
			r.register(t, fmt.Sprint("p", n), "tcp://192.0.2.1:1")
		}
		frame := `a "` + strings.Repeat("x", size) + `"`
		for range each {
			for n := range producers {
				r.send(fmt.Sprint("p", n), frame)
			}
			synctest.Wait()
		}
		drops := r.dropped(t, dropFull)
		// What is decoded is held by the budget, what is not by each one's bound,
		// and one turn is between them.
		most := (budget + producers*maxProducerBytes + maxProducerTurnBytes) / size
		if held := producers*each - drops; held > most || held < most/2 {
			t.Errorf("held: got %d messages, want about %d", held, most)
		}
		release()
		pass(time.Second)
		if got := int(log.checkOnce(t)); got != producers*each-drops {
			t.Errorf("stored: got %d messages, want the %d that were not dropped", got, producers*each-drops)
		}
		r.send("p0", "a 1") // there is room again
		synctest.Wait()
		if got := int(log.checkOnce(t)); got != producers*each-drops+1 {
			t.Errorf("stored after that: got %d messages", got)
		}
		r.end()
	})
}

// Of a producer that left, the numbering is kept until all is stored, and no
// longer; what it sends when it comes back follows.
func TestProducersAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, release := heldLog()
		r := startProducers(t, log, nil)
		kept := func() int {
			r.cloud.Ingest.mu.Lock()
			defer r.cloud.Ingest.mu.Unlock()
			return len(r.cloud.numberings)
		}
		for round := range 3 {
			for n := range 5 {
				id := fmt.Sprint("p", n)
				r.register(t, id, "tcp://192.0.2.1:1")
				r.send(id, "a 1")
				r.send(id, `a {"value":2,"class":"BT"}`)
				synctest.Wait()
				r.register(t, id, "")
			}
			pass(keepEvery)
			if round == 0 {
				if got := kept(); got != 5 {
					t.Errorf("while nothing is stored: got %d numberings, want 5", got)
				}
				release()
				pass(2 * keepEvery)
			}
			if got := kept(); got != 0 {
				t.Errorf("round %d: got %d numberings, want none", round, got)
			}
		}
		r.register(t, "p0", "tcp://192.0.2.1:1")
		r.send("p0", "a 1")
		pass(keepEvery)
		if got := kept(); got != 1 {
			t.Errorf("of one that is read: got %d numberings, want 1", got)
		}
		r.end()
		if got := log.checkOnce(t); got != 31 {
			t.Errorf("stored: got %d messages, want 31", got)
		}
	})
}

// What was not taken in before the end is counted and told.
func TestProducersTellWhatIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines lineLog
		log, release := heldLog()
		r := startProducers(t, log, nil)
		r.options.Logger = lines.logger()
		const held = 100 << 10
		r.room = semaphore.NewWeighted(held + held/2) // before there is anything to do
		r.register(t, "a", "tcp://192.0.2.1:1")
		frame := `x "` + strings.Repeat("x", held) + `"`
		for range 5 { // one has room, one has its turn, the others wait
			r.send("a", frame)
			synctest.Wait()
		}
		r.stop()
		release()
		r.end()
		if got := log.checkOnce(t); got != 1 {
			t.Errorf("stored: got %d messages, want the one that was taken in", got)
		}
		if got := lines.matching("Stopped"); len(got) != 1 || !strings.Contains(got[0], `"lost"=4`) {
			t.Errorf("logged: got %q, want one line with the count", got)
		}
	})
}

// One that no block can hold is dropped, and its neighbours are not.
func TestProducersTooLarge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		r := startProducers(t, log, func(o *IngestOptions) { o.MaxFrame = 64 << 10 })
		r.register(t, "a", "tcp://192.0.2.1:1")
		r.send("a", "x 1")
		r.send("a", fmt.Sprintf(`x "%x"`, randomText(200<<10)))
		r.send("a", "x "+strings.Repeat(" ", dataplane.MaxMessage))
		r.send("a", "x 2")
		pass(time.Second)
		if got, drops := log.checkOnce(t), r.dropped(t, dropTooLarge); got != 2 || drops != 2 {
			t.Errorf("stored %d and dropped %d, want 2 and 2", got, drops)
		}
		if got := r.registry.Discover("")[0].Detail; !strings.Contains(got, "the most is") && !strings.Contains(got, "too large") {
			t.Errorf("detail: got %q, want why", got)
		}
		r.end()
	})
}

func TestProducersRequired(t *testing.T) {
	if _, err := NewProducers(ProducersOptions{}); err == nil || !strings.Contains(err.Error(), "want") {
		t.Errorf("got %v, want what is required", err)
	}
}
