package uplink_test

import (
	"fmt"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// TestReceiverAnswersControl: by revision, with what its owner says of it.
func TestReceiverAnswersControl(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		control func(string, *dataplane.Control) string
		want    string
	}{
		{"no kind is supported", nil, dataplane.ControlUnsupported},
		{"done", func(string, *dataplane.Control) string { return "" }, ""},
		{"what it says", func(publisher string, f *dataplane.Control) string {
			return publisher + " " + f.Kind + " " + string(f.Body)
		}, "edge-1/mapper report text"},
	} {
		c := newCloud(t, uplink.ReceiverOptions{Control: tt.control})
		c.greet(peer, hello("edge-1/mapper", 1, dataplane.RT, 5))
		got := one[*dataplane.Control](t, c.answer(peer, &dataplane.Control{Kind: "report", Revision: 7, Body: []byte("text")}))
		if !got.Reply || got.Kind != "report" || got.Revision != 7 || got.Status != tt.want {
			t.Errorf("%s: answered by %+v: want status %q", tt.name, got, tt.want)
		}
	}
}

func TestReceiverPassesOverRepliesAndEpochEnd(t *testing.T) {
	t.Parallel()
	c, _ := received(t)
	for _, f := range []dataplane.Frame{&dataplane.Control{Kind: "filter", Reply: true}, &dataplane.EpochEnd{}, &dataplane.Pong{}} {
		if got := c.answer(peer, f); got != nil {
			t.Errorf("%v is answered by %+v: want nothing", f.Type(), got)
		}
	}
}

func TestReceiverAnswersPing(t *testing.T) {
	t.Parallel()
	c, _ := received(t)
	frames := c.answer(peer, &dataplane.Ping{T1: start0.Add(-time.Hour)})
	if len(frames) != 2 {
		t.Fatalf("answered by %+v: want ACK, PONG", frames)
	}
	if ack, is := frames[0].(*dataplane.Ack); !is || ack.Stored != mark(5, 5) || ack.Credit == 0 {
		t.Errorf("ACK is %+v: want 5/5 and credit", frames[0])
	}
	if pong, is := frames[1].(*dataplane.Pong); !is || !pong.T1.Equal(start0.Add(-time.Hour)) || !pong.T2.Equal(c.now) || !pong.T3.Equal(c.now) {
		t.Errorf("PONG is %+v", frames[1])
	}
}

func TestReceiverGivesTheSilentUp(t *testing.T) {
	t.Parallel()
	c, _ := received(t)
	for _, tt := range []struct {
		after time.Duration
		want  dataplane.FrameType
	}{
		{2*uplink.PingAfter - 1, 0},
		{2 * uplink.PingAfter, dataplane.TypePing},
		{2*uplink.PingAfter + 1, 0},
		{3 * uplink.PingAfter, dataplane.TypePing},
		{uplink.DeadAfter - 1, 0},
		{uplink.DeadAfter, dataplane.TypeRefuse},
		{uplink.DeadAfter + uplink.PingAfter, 0},
	} {
		frames := framesTo(peer, c.Tick(start0.Add(tt.after)))
		if tt.want == 0 && len(frames) != 0 || tt.want != 0 && (len(frames) != 1 || frames[0].Type() != tt.want) {
			t.Errorf("after %v: %+v: want %v", tt.after, frames, tt.want)
		}
	}
}

func TestReceiverSaysGoodbyeToAll(t *testing.T) {
	t.Parallel()
	c, _ := received(t)
	c.greet("bt", hello("edge-1/mapper", 1, dataplane.BT, 5))
	replies := c.Goodbye("draining")
	for _, p := range []uplink.Peer{peer, "bt"} {
		if got := one[*dataplane.Bye](t, framesTo(p, replies)); got.Reason != "draining" {
			t.Errorf("BYE to %s is %+v", p, got)
		}
	}
}

func TestReceiverGrantsRTWhateverIsPending(t *testing.T) {
	t.Parallel()
	c := newCloud(t, uplink.ReceiverOptions{Budget: 1})
	n := c.greet(peer, hello("edge-1/mapper", 1, dataplane.RT, 5)).Session
	c.accept(peer, c.data(n, dataplane.RT, 5, 1, 100))
	if got := c.greet("2", hello("edge-2/mapper", 1, dataplane.RT, 5)).Credit; got != 64<<10 {
		t.Errorf("credit is %d: want %d", got, 64<<10)
	}
}

// TestReceiverFeedsTheStarved: when the budget is used up all get nothing, the
// busy ones too, and silence grants nothing; when the log has caught up all get
// something.
func TestReceiverFeedsTheStarved(t *testing.T) {
	t.Parallel()
	c := newCloud(t, uplink.ReceiverOptions{Budget: 1000})
	n := c.greet("busy", hello("busy/mapper", 1, dataplane.BT, 5)).Session
	var accepted []*uplink.Accepted
	for seq, sum := uint64(1), 0; sum < 1000; seq++ {
		a := c.accept("busy", c.data(n, dataplane.BT, 5, seq, seq))
		accepted, sum = append(accepted, a), sum+len(a.Frame)
	}
	for i := range 3 {
		if got := c.greet(uplink.Peer(fmt.Sprint(i)), hello(fmt.Sprintf("late-%d/mapper", i), 1, dataplane.BT, 5)).Credit; got != 0 {
			t.Fatalf("with the budget used up, credit is %d: want 0", got)
		}
	}
	if got := one[*dataplane.Ack](t, framesTo("busy", c.Stored(accepted[:1], c.now))); got.Credit != 0 {
		t.Errorf("with little left, credit of the busy one is %d: want 0", got.Credit)
	}
	if got := c.Tick(c.now.Add(time.Second)); len(got) != 0 {
		t.Errorf("time alone brings %+v", got)
	}
	replies := c.Stored(accepted[1:], c.now)
	for _, p := range []uplink.Peer{"busy", "0", "1", "2"} {
		if got := one[*dataplane.Ack](t, framesTo(p, replies)); got.Credit != 250 {
			t.Errorf("credit of %s is %d: want 250", p, got.Credit)
		}
	}
}

func TestReceiverCountsWhatIsPendingBeyondSessions(t *testing.T) {
	t.Parallel()
	c := newCloud(t, uplink.ReceiverOptions{Budget: 100})
	n := c.greet(peer, hello("edge-1/mapper", 1, dataplane.BT, 5)).Session
	a := c.accept(peer, c.data(n, dataplane.BT, 5, 1, 100))
	c.Unreachable(peer)
	if got := c.greet("new", hello("edge-1/mapper", 1, dataplane.BT, 5)).Credit; got != 0 {
		t.Errorf("with the old session's records on their way, credit is %d: want 0", got)
	}
	got := one[*dataplane.Ack](t, framesTo("new", c.Stored([]*uplink.Accepted{a}, c.now)))
	if got.Credit != 100 || got.Stored != mark(5, 100) {
		t.Errorf("ACK is %+v: want all credit and 5/100", got)
	}
}

func TestReceiverTellsDurableLater(t *testing.T) {
	t.Parallel()
	const lag = 8 * time.Second
	c := newCloud(t, uplink.ReceiverOptions{DurableLag: lag})
	n := c.greet(peer, hello("edge-1/mapper", 1, dataplane.RT, 5)).Session
	for seq := uint64(1); seq <= 4; seq++ { // two in each step of a second
		a := c.accept(peer, c.data(n, dataplane.RT, 5, seq, seq))
		got := one[*dataplane.Ack](t, framesTo(peer, c.Stored([]*uplink.Accepted{a}, c.now)))
		if got.Stored != mark(5, seq) || got.Durable != (dataplane.Mark{}) {
			t.Errorf("ACK is %+v: want 5/%d stored and nothing durable", got, seq)
		}
		c.now = c.now.Add(600 * time.Millisecond)
	}
	for _, tt := range []struct {
		at      time.Duration
		durable uint64 // 0: no ACK
	}{{lag + 999*time.Millisecond, 0}, {lag + time.Second, 2}, {lag + 2199*time.Millisecond, 0}, {lag + 2200*time.Millisecond, 4}, {time.Minute, 0}} {
		c.answer(peer, &dataplane.Pong{})
		var acks []*dataplane.Ack
		for _, f := range framesTo(peer, c.Tick(start0.Add(tt.at))) {
			if ack, is := f.(*dataplane.Ack); is {
				acks = append(acks, ack)
			}
		}
		if tt.durable == 0 && len(acks) != 0 || tt.durable != 0 && (len(acks) != 1 || acks[0].Durable != mark(5, tt.durable)) {
			t.Errorf("at %v: %+v: want durable %d", tt.at, acks, tt.durable)
		}
	}
}

func TestReceiverRestores(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, time.Minute} {
		c := newCloud(t, uplink.ReceiverOptions{DurableLag: lag})
		c.Restore("edge-1/mapper", dataplane.SpoolID{1}, dataplane.RT, mark(5, 7), false)
		want := mark(5, 7)
		if lag > 0 {
			want = dataplane.Mark{}
		}
		c.Tick(c.now)
		if got := c.greet(peer, hello("edge-1/mapper", 1, dataplane.RT, 5)); got.Stored != mark(5, 7) || got.Durable != want {
			t.Errorf("lag %v: %+v: want 5/7 stored and %v durable", lag, got, want)
		}
		c.now = c.now.Add(lag)
		c.Tick(c.now)
		if got := c.greet("later", hello("edge-1/mapper", 1, dataplane.RT, 5)); got.Durable != mark(5, 7) {
			t.Errorf("lag %v: later, durable is %v: want 5/7", lag, got.Durable)
		}
	}
}
