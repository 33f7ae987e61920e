package uplink_test

import (
	"fmt"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

func TestReceiverIgnoresHelloThatMakesNoSense(t *testing.T) {
	t.Parallel()
	tests := map[string]func(h *dataplane.Hello){
		"no publisher":  func(h *dataplane.Hello) { h.Publisher = "" },
		"no mapper":     func(h *dataplane.Hello) { h.Publisher = "edge-1" },
		"no lane":       func(h *dataplane.Hello) { h.Lane = 0 },
		"no epoch":      func(h *dataplane.Hello) { h.Epochs = nil },
		"epoch 0":       func(h *dataplane.Hello) { h.Epochs[0].Epoch = 0 },
		"epochs fall":   func(h *dataplane.Hello) { h.Epochs = append(h.Epochs, h.Epochs[0]) },
		"endless epoch": func(h *dataplane.Hello) { h.Epochs[0].Epoch = 1 << 53 },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t, uplink.ReceiverOptions{})
			h := hello("edge-1/mapper", 1, dataplane.RT, 5)
			spoil(h)
			if got := c.answer(peer, h); got != nil {
				t.Errorf("answered by %+v: want nothing", got)
			}
			c.greet(peer, hello("edge-1/mapper", 1, dataplane.RT, 5))
			if got := one[*dataplane.Refuse](t, c.answer(peer, h)); got.Code != dataplane.RefuseMalformed {
				t.Errorf("in a session, refused with %v: want malformed", got.Code)
			}
		})
	}
}

func TestReceiverAnswersNobodyBeforeHello(t *testing.T) {
	t.Parallel()
	c := newCloud(t, uplink.ReceiverOptions{})
	for _, f := range []dataplane.Frame{
		&dataplane.Ping{}, &dataplane.Pong{}, &dataplane.Bye{}, &dataplane.Control{}, &dataplane.Ack{},
		&dataplane.EpochEnd{}, &dataplane.Gap{From: 1, To: 1}, c.data(0, dataplane.RT, 1, 1, 1),
	} {
		if replies, a := c.receive(peer, f); replies != nil || a != nil {
			t.Errorf("%v is answered by %+v, accepted %+v", f.Type(), replies, a)
		}
	}
}

func TestReceiverSpeaksOneVersion(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		min, max uint64
		ok       bool
	}{{1, 1, true}, {1, 9, true}, {0, 1, true}, {2, 9, false}, {0, 0, false}} {
		c := newCloud(t, uplink.ReceiverOptions{})
		h := hello("edge-1/mapper", 1, dataplane.RT, 5)
		h.MinVersion, h.MaxVersion = tt.min, tt.max
		if tt.ok {
			if got := c.greet(peer, h); got.Version != 1 {
				t.Errorf("versions %d-%d: got %d", tt.min, tt.max, got.Version)
			}
		} else if got := one[*dataplane.Refuse](t, c.answer(peer, h)); got.Code != dataplane.RefuseVersion {
			t.Errorf("versions %d-%d: refused with %v", tt.min, tt.max, got.Code)
		}
	}
}

func TestReceiverResumesBehindWhatIsStored(t *testing.T) {
	t.Parallel()
	c, _ := received(t)
	replies, _ := c.receive("new", hello("edge-1/mapper", 1, dataplane.RT, 5))
	if got := one[*dataplane.Refuse](t, framesTo(peer, replies)); got.Code != dataplane.RefuseSuperseded {
		t.Errorf("the older session is refused with %v: want superseded", got.Code)
	}
	if got := one[*dataplane.HelloOK](t, framesTo("new", replies)); got.Stored != mark(5, 5) || got.Durable != mark(5, 5) {
		t.Errorf("resumes with %+v: want 5/5", got)
	}
	if got := c.answer(peer, &dataplane.Ping{}); got != nil {
		t.Errorf("the older session is still answered, by %+v", got)
	}
	c.greet("bt", hello("edge-1/mapper", 1, dataplane.BT, 5))
	c.greet("bt", hello("edge-1/mapper", 1, dataplane.BT, 5)) // on one peer, the second takes over without a word
}

func TestReceiverKnowsEpochsThatWereUsed(t *testing.T) {
	t.Parallel()
	released := hello("edge-1/mapper", 2, dataplane.RT, 4, 7)
	released.Epochs[0].First = 2
	tests := []struct {
		name  string
		hello *dataplane.Hello
		ok    bool
	}{
		{"same spool", hello("edge-1/mapper", 1, dataplane.RT, 5), true},
		{"new spool that reached back, and holds nothing of that", released, true},
		{"same spool, further", hello("edge-1/mapper", 1, dataplane.RT, 4, 7), true},
		{"same spool, set back", hello("edge-1/mapper", 1, dataplane.RT, 4), false},
		{"new spool above", hello("edge-1/mapper", 2, dataplane.RT, 6), true},
		{"new spool, same epoch", hello("edge-1/mapper", 2, dataplane.RT, 5), false},
		{"new spool that reaches back", hello("edge-1/mapper", 2, dataplane.RT, 4, 7), false},
		{"new spool, lane that was never used", hello("edge-1/mapper", 2, dataplane.BT, 1), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := received(t)
			c.Unreachable(peer)
			if tt.ok {
				c.greet("new", tt.hello)
				return
			}
			got := one[*dataplane.Refuse](t, c.answer("new", tt.hello))
			if got.Code != dataplane.RefuseEpochBehind || got.HighWater != mark(5, 10) {
				t.Errorf("refused with %+v: want epoch behind 5/10", got)
			}
		})
	}
}

func TestReceiverHoldsANameForOneSpool(t *testing.T) {
	t.Parallel()
	c := newCloud(t, uplink.ReceiverOptions{})
	c.greet("old", hello("edge-1/mapper", 1, dataplane.RT, 5))
	claim := func() {
		t.Helper()
		replies, _ := c.receive("new", hello("edge-1/mapper", 2, dataplane.BT, 6))
		one[*dataplane.Ping](t, framesTo("old", replies))
		got := one[*dataplane.Refuse](t, framesTo("new", replies))
		if got.Code != dataplane.RefuseInUse || got.RetryAfter != time.Second {
			t.Fatalf("refused with %+v: want in use, again in 1s", got)
		}
	}
	for range 30 { // as long as the old one answers
		claim()
		c.now = c.now.Add(time.Second)
		c.answer("old", &dataplane.Pong{})
	}
	for range 10 { // and for a while when it does not
		c.now = c.now.Add(time.Second)
		claim()
	}
	c.now = c.now.Add(time.Second)
	c.greet("new", hello("edge-1/mapper", 2, dataplane.BT, 6))
	if got := c.answer("old", &dataplane.Pong{}); got != nil {
		t.Errorf("the old session is still answered, by %+v", got)
	}
}

func TestReceiverFreesANameWhenItsPeerIsGone(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(c *cloud){
		"unreachable": func(c *cloud) { c.Unreachable("old") },
		"bye":         func(c *cloud) { c.answer("old", &dataplane.Bye{}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t, uplink.ReceiverOptions{})
			c.greet("old", hello("edge-1/mapper", 1, dataplane.RT, 5))
			leave(c)
			c.greet("new", hello("edge-1/mapper", 2, dataplane.RT, 6))
		})
	}
}

func TestReceiverBoundsPublishers(t *testing.T) {
	t.Parallel()
	c := newCloud(t, uplink.ReceiverOptions{})
	const most = 1 << 16
	at := func(i int) (uplink.Peer, *dataplane.Hello) {
		return uplink.Peer(fmt.Sprint(i)), hello(fmt.Sprintf("edge-%d/mapper", i), 1, dataplane.RT, 5)
	}
	for i := range most {
		c.greet(at(i))
	}
	one[*dataplane.Refuse](t, c.answer(at(most)))
	c.greet("bt", hello("edge-7/mapper", 1, dataplane.BT, 5)) // known
	c.Unreachable("8")
	c.greet(at(most)) // nothing was known of edge-8, which is forgotten
}
