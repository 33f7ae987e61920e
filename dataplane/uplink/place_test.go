package uplink_test

import (
	"reflect"
	"testing"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

const peer = uplink.Peer("peer")

// received returns a cloud that has received records 1-10 of epoch 5 and
// stored 1-5 of them, and the session's number.
func received(t *testing.T) (*cloud, uint64) {
	c := newCloud(t, uplink.ReceiverOptions{})
	n := c.greet(peer, hello("edge-1/mapper", 1, dataplane.RT, 5, 6)).Session
	c.Stored([]*uplink.Accepted{c.accept(peer, c.data(n, dataplane.RT, 5, 1, 5))}, c.now)
	c.accept(peer, c.data(n, dataplane.RT, 5, 6, 10))
	return c, n
}

func TestReceiverPlacesRecords(t *testing.T) {
	t.Parallel()
	data := func(lane dataplane.Class, epoch, first, last uint64) func(*cloud, uint64) dataplane.Frame {
		return func(c *cloud, n uint64) dataplane.Frame { return c.data(n, lane, epoch, first, last) }
	}
	gap := func(from, to uint64) func(*cloud, uint64) dataplane.Frame {
		return func(_ *cloud, n uint64) dataplane.Frame {
			return &dataplane.Gap{Session: n, Lane: dataplane.RT, Epoch: 5, From: from, To: to}
		}
	}
	lying := func(first, last uint64) func(*cloud, uint64) dataplane.Frame {
		return func(c *cloud, n uint64) dataplane.Frame {
			d := c.data(n, dataplane.RT, 5, 1, 2)
			d.First, d.Last = first, last
			return d
		}
	}
	tests := []struct {
		name        string
		frame       func(c *cloud, session uint64) dataplane.Frame
		first, last uint64 // accepted; 0: nothing is
		answer      dataplane.FrameType
		code        dataplane.RefuseCode
	}{
		{name: "follows", frame: data(dataplane.RT, 5, 11, 13), first: 11, last: 13},
		{name: "overlap is trimmed", frame: data(dataplane.RT, 5, 8, 13), first: 11, last: 13},
		{name: "stored is acked", frame: data(dataplane.RT, 5, 2, 5), answer: dataplane.TypeAck},
		{name: "on its way into the log", frame: data(dataplane.RT, 5, 4, 10)},
		{name: "ahead", frame: data(dataplane.RT, 5, 12, 13), answer: dataplane.TypeNack},
		{name: "next epoch before the end of this one", frame: data(dataplane.RT, 6, 1, 3), answer: dataplane.TypeNack},
		{name: "gap follows", frame: gap(11, 20), first: 11, last: 20},
		{name: "gap that overlaps is asked for exactly", frame: gap(8, 20), answer: dataplane.TypeNack},
		{name: "gap that is stored", frame: gap(1, 3), answer: dataplane.TypeAck},
		{name: "gap ahead", frame: gap(12, 13), answer: dataplane.TypeNack},
		{name: "epoch that HELLO did not tell of", frame: data(dataplane.RT, 7, 1, 3), answer: dataplane.TypeRefuse, code: dataplane.RefuseMalformed},
		{name: "other lane", frame: data(dataplane.BT, 5, 11, 13), answer: dataplane.TypeRefuse, code: dataplane.RefuseMalformed},
		{name: "from 0", frame: lying(0, 1), answer: dataplane.TypeRefuse, code: dataplane.RefuseMalformed},
		{name: "backwards", frame: lying(12, 11), answer: dataplane.TypeRefuse, code: dataplane.RefuseMalformed},
		{name: "beyond counting", frame: gap(11, 1<<53), answer: dataplane.TypeRefuse, code: dataplane.RefuseMalformed},
		{name: "more than the body holds", frame: lying(11, 14), answer: dataplane.TypeRefuse, code: dataplane.RefuseMalformed},
		{
			name:   "other session",
			frame:  func(c *cloud, n uint64) dataplane.Frame { return c.data(n+1, dataplane.RT, 5, 11, 13) },
			answer: dataplane.TypeRefuse, code: dataplane.RefuseSession,
		},
		{
			name:   "the cloud's to send",
			frame:  func(*cloud, uint64) dataplane.Frame { return &dataplane.Ack{} },
			answer: dataplane.TypeRefuse, code: dataplane.RefuseMalformed,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, n := received(t)
			replies, a := c.receive(peer, tt.frame(c, n))
			if a == nil != (tt.first == 0) || a != nil && (a.First != tt.first || a.Last != tt.last) {
				t.Errorf("accepted %+v: want %d-%d", a, tt.first, tt.last)
			}
			if a != nil && a.Gap == nil && len(a.Messages) != int(tt.last-tt.first)+1 {
				t.Errorf("accepted %d messages for %d-%d", len(a.Messages), tt.first, tt.last)
			}
			frames := framesTo(peer, replies)
			if tt.answer == 0 {
				if len(frames) != 0 {
					t.Errorf("answered by %+v: want nothing", frames)
				}
				return
			}
			if len(frames) != 1 || frames[0].Type() != tt.answer {
				t.Fatalf("answered by %+v: want %v", frames, tt.answer)
			}
			if refuse, is := frames[0].(*dataplane.Refuse); is && refuse.Code != tt.code {
				t.Errorf("refused with %v: want %v", refuse.Code, tt.code)
			}
			if after := c.answer(peer, &dataplane.Ping{}); (after == nil) != (tt.answer == dataplane.TypeRefuse) {
				t.Errorf("a PING afterwards is answered by %+v", after)
			}
		})
	}
}

func TestReceiverAsksOnceForWhatIsMissing(t *testing.T) {
	t.Parallel()
	c, n := received(t)
	data := func(first, last uint64) dataplane.Frame { return c.data(n, dataplane.RT, 5, first, last) }
	want := &dataplane.Nack{Session: n, Expected: mark(5, 11)}
	if got := one[*dataplane.Nack](t, c.answer(peer, data(13, 14))); *got != *want {
		t.Errorf("NACK is %+v: want %+v", got, want)
	}
	for first := uint64(15); first < 30; first += 2 {
		if got := c.answer(peer, data(first, first+1)); got != nil {
			t.Errorf("frame %d of the same train is answered by %+v", first, got)
		}
	}
	if got := c.answer(peer, c.data(n, dataplane.RT, 6, 1, 2)); got != nil {
		t.Errorf("the next epoch of the same train is answered by %+v", got)
	}
	if got := one[*dataplane.Nack](t, c.answer(peer, data(13, 14))); *got != *want {
		t.Errorf("after the edge went back too little, NACK is %+v: want %+v", got, want)
	}
	frames := c.answer(peer, &dataplane.Ping{T1: start0})
	if len(frames) != 3 || !reflect.DeepEqual(frames[0], dataplane.Frame(want)) {
		t.Errorf("a PING meanwhile is answered by %+v: want NACK, ACK, PONG", frames)
	}
	if frames := c.answer(peer, &dataplane.Ping{}); len(frames) != 1 {
		t.Errorf("a probe meanwhile is answered by %+v: want PONG", frames)
	}
	c.accept(peer, data(11, 14))
	if frames := c.answer(peer, &dataplane.Ping{T1: start0}); len(frames) != 2 {
		t.Errorf("a PING after it came is answered by %+v: want ACK, PONG", frames)
	}
	c.accept(peer, &dataplane.EpochEnd{Session: n, Lane: dataplane.RT, Epoch: 5, Last: 14})
	c.accept(peer, c.data(n, dataplane.RT, 6, 1, 2))
}
