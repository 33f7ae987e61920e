package e2e

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"datastub/cloudsvc"
	"datastub/cloudsvc/client"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// follower is a subscription that comes back by itself.
type follower struct {
	mu  sync.Mutex
	got []dataplane.Message
}

// follow returns when the stream is open.
func follow(t *testing.T, s *stack.Stack, topic string) *follower {
	t.Helper()
	c := newClient(t, s)
	f := &follower{}
	var opened atomic.Bool
	sub, err := client.NewSubscription(client.SubscriptionOptions{
		Client: c, Filter: topic,
		Handle: func(e client.Event) error {
			f.add(e.Message)
			return nil
		},
		Notify: func(client.Notice) { opened.Store(true) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = sub.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	stack.Eventually(t, "a stream of "+topic, opened.Load)
	return f
}

func (f *follower) add(m dataplane.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got = append(f.got, m)
}

func (f *follower) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.got)
}

// messages returns what has come so far.
func (f *follower) messages() []dataplane.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// checkOnce fails if a message came twice.
func (f *follower) checkOnce(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[dataplane.ID]bool{}
	for _, m := range f.got {
		if seen[m.ID] {
			t.Errorf("the stream gave %v twice", m.ID)
		}
		seen[m.ID] = true
	}
}

// more waits for more messages of each class than there are.
func (f *follower) more(t *testing.T, what string) {
	t.Helper()
	n := f.classes()
	stack.Eventually(t, "more messages "+what, func() bool {
		now := f.classes()
		return now[dataplane.RT] > n[dataplane.RT]+20 && now[dataplane.BT] > n[dataplane.BT]+20
	})
}

// classes returns how many messages of each class have come.
func (f *follower) classes() map[dataplane.Class]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := make(map[dataplane.Class]int)
	for i := range f.got {
		n[f.got[i].Class]++
	}
	return n
}

// TestCloudsvcRestart stops cloudsvc in every way while a mapper runs: the
// stream goes on by itself, and the log has every record once.
func TestCloudsvcRestart(t *testing.T) {
	s := stack.New(t)
	f := follow(t, s, "#")
	m := s.StartMapper("edge-1", map[string]string{"a.yaml": stack.VirtualDevice("counter-1")})
	f.more(t, "at the start")
	for _, way := range []func(){s.Cloudsvc.Stop, func() { s.Cloudsvc.Kill() }, func() { s.Cloudsvc.Kill() }} {
		way()
		s.StartCloudsvc()
		f.more(t, "after a restart of cloudsvc")
	}
	m.Stop()
	s.Cloudsvc.Stop()
	f.checkOnce(t)
	runs := readLog(t, s)
	if len(runs) != 2 {
		t.Errorf("lanes and epochs in the log: got %d, want an RT and a BT of one epoch: %v", len(runs), runs)
	}
	if !strings.Contains(m.Log.String(), "undelivered=0") {
		t.Errorf("the mapper's last line should say undelivered=0:\n%s", m.Log)
	}
}

// TestMapperRestart stops a mapper in every way while cloudsvc runs.
func TestMapperRestart(t *testing.T) {
	s := stack.New(t)
	f := follow(t, s, "#")
	m := s.StartMapper("edge-1", map[string]string{"a.yaml": stack.VirtualDevice("counter-1")})
	f.more(t, "at the start")
	for _, way := range []func(){func() { m.Stop() }, func() { m.Kill() }, func() { m.Kill() }} {
		way()
		m.Restart()
		f.more(t, "after a restart of the mapper")
	}
	m.Stop()
	s.Cloudsvc.Stop()
	f.checkOnce(t)
	if runs := readLog(t, s); len(runs) != 8 {
		t.Errorf("lanes and epochs in the log: got %d, want an RT and a BT of four starts: %v", len(runs), runs)
	}
}

// run is one epoch of one lane.
type run struct {
	publisher string
	class     dataplane.Class
	epoch     uint64
}

// readLog reads the log of a cloudsvc that has stopped, and fails unless each
// run's records are 1, 2, 3 … , each once. It returns how many each has.
func readLog(t *testing.T, s *stack.Stack) map[run]uint64 {
	t.Helper()
	last := map[run]uint64{}
	eachBlock(t, s, func(seq uint64, block *cloudsvc.Block) {
		for _, r := range block.Ranges {
			k := run{r.Publisher, block.Class, r.Epoch}
			if r.First != last[k]+1 {
				t.Errorf("block %d: %v goes on with record %d behind %d", seq, k, r.First, last[k])
			}
			last[k] = r.Last
		}
	})
	return last
}
