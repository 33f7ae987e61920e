package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"datastub/hack/link"
	"datastub/hack/poll"
	"datastub/hack/stack"
)

// A broken is a mapper behind a link that is broken, with a subscriber who is
// not behind it.
type broken struct {
	t      *testing.T
	stack  *stack.Stack
	link   *link.Link
	mapper *stack.Mapper
	follow *follower
}

func newBroken(t *testing.T) *broken {
	t.Helper()
	s := stack.New(t)
	b := &broken{t: t, stack: s, link: s.StartLink(link.Options{}), follow: follow(t, s, "#")}
	b.mapper = s.StartMapper("edge-1", map[string]string{"a.yaml": stack.VirtualDevice("counter-1")})
	b.follow.more(t, "at the start")
	return b
}

// edge waits until both lanes are connected, or neither is, as the mapper sees
// it.
func (b *broken) edge(connected bool) {
	b.t.Helper()
	want := "0"
	if connected {
		want = "1"
	}
	await(b.t, "the mapper's lanes have connected="+want, func() bool {
		metrics := scrape(b.t, b.mapper.URL())
		return value(metrics, `datastub_mapper_uplink_connected{class="RT"}`) == want &&
			value(metrics, `datastub_mapper_uplink_connected{class="BT"}`) == want
	})
}

// cloud waits until cloudsvc shows the mapper in a state.
func (b *broken) cloud(state string) {
	b.t.Helper()
	c := newClient(b.t, b.stack)
	await(b.t, "cloudsvc shows the mapper "+state, func() bool {
		nodes, err := c.Nodes(b.t.Context(), "")
		return err == nil && len(nodes) == 1 && nodes[0].State == state
	})
}

// settle waits until nothing that was published before waits any more, and
// fails unless all of it came once and in order.
func (b *broken) settle() {
	b.t.Helper()
	b.edge(true)
	b.cloud("online")
	b.follow.more(b.t, "after the break")
	b.mapper.Stop()
	b.stack.Cloudsvc.Stop()
	b.follow.checkOnce(b.t)
	accounts, gaps := audit(b.t, b.follow.messages())
	if len(accounts) != 2 || gaps != 0 {
		b.t.Errorf("%d series, %d gaps: want 2 and none", len(accounts), gaps)
	}
	if runs := readLog(b.t, b.stack); len(runs) != 2 {
		b.t.Errorf("lanes and epochs in the log: %v: want an RT and a BT of one epoch", runs)
	}
	checkSeries(b.t, b.stack)
}

// await is stack.Eventually for what takes some of ZeroMQ's heartbeats.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll.Within(t, 90*time.Second, what, ok)
}

// TestHalfOpenLink has a link that takes bytes and delivers none: both ends
// find out, each is told truthfully, and all that was published meanwhile comes
// when the link is mended, by new connections while the old ones come to life,
// too.
func TestHalfOpenLink(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]func(*link.Link){
		"up": (*link.Link).HoldUp, "down": (*link.Link).HoldDown, "both": (*link.Link).Hold,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBroken(t)
			hold(b.link)
			b.edge(false)
			if name != "down" { // there cloudsvc hears each HELLO
				b.cloud("offline")
			}
			b.link.Mend()
			b.settle()
		})
	}
}

// TestStrandedConnections has connections that no end knows to be dead, while
// new ones get through: cloudsvc takes the new ones at once.
func TestStrandedConnections(t *testing.T) {
	t.Parallel()
	b := newBroken(t)
	began := sessions(t, b.mapper)
	for n := range 2 {
		b.link.Strand()
		await(t, "a new session of RT", func() bool { return sessions(t, b.mapper) == began+uint64(n)+1 })
		b.follow.more(t, "by new connections")
	}
	if refused := number(t, value(scrape(t, b.mapper.URL()), `datastub_mapper_uplink_refused_sessions_total{class="RT"}`)); refused != 0 {
		t.Errorf("the mapper was refused %d times:\n%s", refused, b.mapper.Log)
	}
	b.settle()
}

func sessions(t *testing.T, m *stack.Mapper) uint64 {
	t.Helper()
	return number(t, value(scrape(t, m.URL()), `datastub_mapper_uplink_sessions_total{class="RT"}`))
}

// TestFlappingLink breaks all connections again and again, at any moment.
func TestFlappingLink(t *testing.T) {
	t.Parallel()
	const cuts = 50
	b := newBroken(t)
	for range cuts {
		some := b.follow.count() + rand.N(20) // none at all: the new connections are cut as well
		await(t, "values between two cuts", func() bool { return b.follow.count() >= some })
		b.link.Cut()
		b.link.Mend()
	}
	b.settle()
}
