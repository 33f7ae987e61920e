package uplink_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

func newPacker(t testing.TB) *dataplane.Packer {
	t.Helper()
	p, err := dataplane.NewPacker()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// seriesOf counts messages by series, sorted by device.
func seriesOf(messages []dataplane.Message) []dataplane.SeriesRange {
	var all []dataplane.SeriesRange
	for _, m := range messages {
		i := slices.IndexFunc(all, func(r dataplane.SeriesRange) bool { return r.Device == m.Device })
		if i < 0 {
			i = len(all)
			all = append(all, dataplane.SeriesRange{Namespace: m.Namespace, Topic: m.Topic, Device: m.Device, First: m.Seq})
		}
		all[i].Last = m.Seq
		all[i].Count++
	}
	slices.SortFunc(all, func(a, b dataplane.SeriesRange) int { return strings.Compare(a.Device, b.Device) })
	return all
}

var start0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// cloud is a Receiver and its clock.
type cloud struct {
	*uplink.Receiver
	t      testing.TB
	now    time.Time
	packer *dataplane.Packer
}

func newCloud(t testing.TB, o uplink.ReceiverOptions) *cloud {
	t.Helper()
	session := uint64(100)
	o.Packer = newPacker(t)
	o.Session = func() uint64 { session++; return session }
	if o.Budget == 0 {
		o.Budget = 16 << 20
	}
	return &cloud{Receiver: uplink.NewReceiver(o), t: t, now: start0, packer: o.Packer}
}

func (c *cloud) receive(peer uplink.Peer, f dataplane.Frame) ([]uplink.Reply, *uplink.Accepted) {
	return c.Receive(peer, dataplane.AppendFrame(nil, f), c.now)
}

// answer returns the frames that a peer is sent for a frame.
func (c *cloud) answer(peer uplink.Peer, f dataplane.Frame) []dataplane.Frame {
	replies, _ := c.receive(peer, f)
	return framesTo(peer, replies)
}

func framesTo(peer uplink.Peer, replies []uplink.Reply) []dataplane.Frame {
	var frames []dataplane.Frame
	for _, r := range replies {
		if r.To == peer {
			frames = append(frames, r.Frame)
		}
	}
	return frames
}

// greet opens a session.
func (c *cloud) greet(peer uplink.Peer, h *dataplane.Hello) *dataplane.HelloOK {
	c.t.Helper()
	frames := c.answer(peer, h)
	if len(frames) != 1 {
		c.t.Fatalf("HELLO is answered by %+v", frames)
	}
	ok, is := frames[0].(*dataplane.HelloOK)
	if !is {
		c.t.Fatalf("HELLO is answered by %+v: want HELLO_OK", frames[0])
	}
	return ok
}

// accept sends a frame that is to be accepted.
func (c *cloud) accept(peer uplink.Peer, f dataplane.Frame) *uplink.Accepted {
	c.t.Helper()
	replies, a := c.receive(peer, f)
	if a == nil {
		c.t.Fatalf("%+v is not accepted, but answered by %+v", f, replies)
	}
	return a
}

func hello(publisher string, spool byte, lane dataplane.Class, epochs ...uint64) *dataplane.Hello {
	h := &dataplane.Hello{Publisher: publisher, Spool: dataplane.SpoolID{spool}, Lane: lane, MinVersion: 1, MaxVersion: 1}
	for _, e := range epochs {
		h.Epochs = append(h.Epochs, dataplane.EpochRange{Epoch: e, First: 1, Last: 1})
	}
	return h
}

// data packs records first to last.
func (c *cloud) data(session uint64, lane dataplane.Class, epoch, first, last uint64) *dataplane.Data {
	c.t.Helper()
	d, err := c.packer.Pack(&dataplane.Batch{Class: lane, Epoch: epoch, First: first, Messages: messages(lane, int(last-first)+1)})
	if err != nil {
		c.t.Fatal(err)
	}
	d.Session = session
	return d
}

func messages(lane dataplane.Class, n int) []dataplane.Message {
	all := make([]dataplane.Message, n)
	for i := range all {
		all[i] = dataplane.Message{
			Namespace: "default", Topic: "sensor/temperature", Device: "boiler-1",
			Class: lane, Value: dataplane.IntValue(int64(i)), Time: start0,
		}
	}
	return all
}

func mark(epoch, seq uint64) dataplane.Mark { return dataplane.Mark{Epoch: epoch, Seq: seq} }

// one returns the only frame, which is to be an F.
func one[F dataplane.Frame](t testing.TB, frames []dataplane.Frame) F {
	t.Helper()
	var none F
	if len(frames) != 1 {
		t.Fatalf("got %d frames %+v: want one %T", len(frames), frames, none)
	}
	f, ok := frames[0].(F)
	if !ok {
		t.Fatalf("got %T %+v: want %T", frames[0], frames[0], none)
	}
	return f
}
