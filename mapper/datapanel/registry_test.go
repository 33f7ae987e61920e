package datapanel

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"datastub/hack/poll"
	"datastub/mapper"
)

// eventually waits until ok, for at most 10 s.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll.Within(t, 10*time.Second, what, ok)
}

func testSettings(uplink string) settings {
	return settings{node: "edge-1", mapper: "oven", uplink: uplink, spool: 1 << 30}
}

// One publisher serves all that want the same, and another one is refused.
func TestOneLink(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, err := b.take(testSettings("tcp://a:1"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.take(testSettings("tcp://a:1"))
	if err != nil || second != first || len(b.opened) != 1 {
		t.Errorf("got another link, %v, %d opened", err, len(b.opened))
	}
	b.drop(second)
	_, err = b.take(testSettings("tcp://b:2"))
	if err == nil || !strings.Contains(err.Error(), "edge-1/oven (uplink tcp://a:1,") || !strings.Contains(err.Error(), "edge-1/oven (uplink tcp://b:2,") {
		t.Errorf("got %v, want an error that names both", err)
	}
}

// The link outlives its hooks, until other settings are wanted: then it is
// waited for, so that there are never two of one name.
func TestLinkIsReplaced(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, err := b.take(testSettings("tcp://a:1"))
	if err != nil {
		t.Fatal(err)
	}
	b.drop(first)
	again, err := b.take(testSettings("tcp://a:1"))
	if err != nil || again != first || first.ended() {
		t.Errorf("the link ended with its last hook: %v", err)
	}
	b.drop(first)

	b.opened[0].hold = make(chan struct{})
	var taking sync.WaitGroup
	taking.Go(func() {
		second, err := b.take(testSettings("tcp://b:2"))
		if err != nil || second == first || !first.ended() {
			t.Errorf("got %v, %v, while the first has ended: %v", second, err, first.ended())
		}
	})
	eventually(t, "the first link stops", first.stopping)
	if err := first.Publish(nil); !errors.Is(err, errStopped) {
		t.Errorf("published to a link that is stopped: %v", err)
	}
	close(b.opened[0].hold)
	taking.Wait()
}

// A publisher that cannot go on refuses values; the next hook opens another.
func TestLinkFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	h := b.hook(t, property("p", "int", nil))
	h.Push(data("p", "", "1"))
	b.opened[0].fail <- errors.New("no sockets left")
	<-h.link.done
	h.Push(data("p", "", "2"))
	if h.Refused() != 1 {
		t.Errorf("refused %d, want 1", h.Refused())
	}
	b.hook(t, property("p", "int", nil)).Push(data("p", "", "3"))
	if len(b.opened) != 2 || len(b.opened[1].take()) != 1 {
		t.Errorf("%d opened, the second without its message", len(b.opened))
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	r := newRegistry(func(settings, *mapper.Tally) (publisher, error) { return nil, errors.New("address already in use") })
	_, err := r.take(testSettings("tcp://a:1"))
	if err == nil || !strings.Contains(err.Error(), "edge-1/oven") || !strings.HasSuffix(err.Error(), ": address already in use") {
		t.Errorf("got %v", err)
	}
	if err := r.close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// Two properties at one topic are refused, until the first is gone. A newer
// hook of the same property takes the topic over.
func TestOneTopic(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	same := map[string]any{"topic": "oven/any"}
	p, q := b.hook(t, property("p", "int", same)), b.hook(t, property("q", "int", same))
	log := capture(t, q)
	p.Push(data("p", "", "1"))
	q.Push(data("q", "", "2"))
	if got := b.opened[0].take(); len(got) != 1 || got[0].Property != "p" {
		t.Errorf("got %+v, want p's alone", got)
	}
	if want := `property \"p\" publishes at default/oven/any/oven-1 already`; q.Refused() != 1 || !strings.Contains(log(), want) {
		t.Errorf("refused %d, want 1, and %s in:\n%s", q.Refused(), want, log())
	}
	newer := b.hook(t, property("p", "int", same))
	newer.Push(data("p", "", "3"))
	p.Close()
	q.Push(data("q", "", "4"))
	if got := b.opened[0].take(); len(got) != 1 || got[0].Property != "p" {
		t.Errorf("got %+v, want p's alone", got)
	}
	newer.Close()
	q.Push(data("q", "", "5"))
	if got := b.opened[0].take(); len(got) != 1 || got[0].Property != "q" {
		t.Errorf("got %+v, want q's, as p is gone", got)
	}
}
