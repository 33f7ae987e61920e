package uplink_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
)

// edgeEnd is a Sender, its spool and its clock.
type edgeEnd struct {
	*uplink.Sender
	t      *testing.T
	spool  *spool.Spool
	lane   dataplane.Class
	now    time.Time
	epoch  uint64
	counts uplink.Counts
	clock  uplink.Clock

	options uplink.SenderOptions // that the Sender was made with
}

func newEdge(t *testing.T, lane dataplane.Class, policy uplink.BatchPolicy, records int) *edgeEnd {
	t.Helper()
	m, err := spool.Open(spool.Options{
		Publisher: "edge-1/mapper", Storage: spool.Storage{MaxBytes: 64 << 20}, Now: func() time.Time { return start0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	e := &edgeEnd{t: t, spool: m, lane: lane, now: start0, epoch: m.Lane(lane).Held()[0].Epoch}
	e.publish(records)
	e.options = uplink.SenderOptions{
		Publisher: "edge-1/mapper", Lane: lane, Queue: m.Lane(lane), Packer: newPacker(t), Batch: policy,
		Counts: &e.counts,
	}
	e.Sender = uplink.NewSender(e.options, e.now)
	return e
}

// newStreaming returns an edge that was granted session 9 and some credit.
func newStreaming(t *testing.T, lane dataplane.Class, policy uplink.BatchPolicy, records int) *edgeEnd {
	t.Helper()
	e := newEdge(t, lane, policy, records)
	if h, is := e.next().(*dataplane.Hello); !is {
		t.Fatalf("the first frame is %+v: want HELLO", h)
	}
	e.receive(&dataplane.HelloOK{Session: 9, Credit: 1 << 20, Version: 1})
	return e
}

func (e *edgeEnd) publish(n int) {
	e.t.Helper()
	if n == 0 {
		return
	}
	if err := e.spool.Append(messages(e.lane, n)); err != nil {
		e.t.Fatal(err)
	}
}

func (e *edgeEnd) receive(f dataplane.Frame) {
	e.t.Helper()
	if err := e.Receive(f, e.now); err != nil {
		e.t.Fatalf("%v ends the connection: %v", f.Type(), err)
	}
}

// next returns the next frame, nil if there is none.
func (e *edgeEnd) next() dataplane.Frame {
	e.t.Helper()
	b, err := e.Next(e.now)
	if err != nil {
		e.t.Fatal(err)
	}
	if b == nil {
		return nil
	}
	f, err := dataplane.DecodeFrame(b)
	if err != nil {
		e.t.Fatal(err)
	}
	return f
}

// wants checks which records the next DATA carries, none if last is 0.
func (e *edgeEnd) wants(first, last uint64) {
	e.t.Helper()
	f := e.next()
	if last == 0 {
		if f != nil {
			e.t.Fatalf("next is %+v: want nothing", f)
		}
		return
	}
	if d, is := f.(*dataplane.Data); !is || d.First != first || d.Last != last || d.Session != 9 {
		e.t.Fatalf("next is %+v: want DATA %d-%d", f, first, last)
	}
}

func (e *edgeEnd) mark(seq uint64) dataplane.Mark { return mark(e.epoch, seq) }

// ends checks that an error ends the connection for a reason.
func ends(t *testing.T, err error, reason string) uplink.EndError {
	t.Helper()
	var end *uplink.EndError
	if !errors.As(err, &end) || !strings.Contains(err.Error(), reason) {
		t.Fatalf("got %v: want the end for %q", err, reason)
	}
	return *end
}

func TestSenderSaysHelloFirst(t *testing.T) {
	t.Parallel()
	e := newEdge(t, dataplane.RT, uplink.BatchPolicy{}, 3)
	h, is := e.next().(*dataplane.Hello)
	if !is || h.Publisher != "edge-1/mapper" || h.Spool != e.spool.ID() || h.Lane != dataplane.RT || h.MinVersion != 1 || h.MaxVersion != 1 {
		t.Errorf("the first frame is %+v", h)
	}
	if len(h.Epochs) != 1 || h.Epochs[0] != (dataplane.EpochRange{Epoch: e.epoch, First: 1, Last: 3}) {
		t.Errorf("HELLO tells of %+v", h.Epochs)
	}
	e.receive(&dataplane.Ack{Credit: 1 << 20}) // of no session
	e.receive(&dataplane.Nack{Expected: e.mark(2)})
	e.wants(0, 0)
	if e.Streaming() || !e.Due().Equal(start0.Add(10*time.Second)) {
		t.Errorf("streaming %v, due %v", e.Streaming(), e.Due())
	}
	_, err := e.Next(start0.Add(10 * time.Second))
	ends(t, err, "no answer to HELLO in 10s")
}

func TestSenderGoesOnBehindWhatIsStored(t *testing.T) {
	t.Parallel()
	for _, stored := range []uint64{0, 4, 10} {
		e := newEdge(t, dataplane.RT, uplink.BatchPolicy{}, 10)
		e.next()
		e.receive(&dataplane.HelloOK{Session: 9, Credit: 1, Version: 1, Stored: e.mark(stored), Durable: e.mark(min(stored, 2))})
		if got := e.spool.Stats(dataplane.RT).Held.Records; got != 10-min(stored, 2) {
			t.Errorf("stored %d: %d are held", stored, got)
		}
		if stored == 10 {
			e.wants(0, 0)
		} else {
			e.wants(stored+1, 10)
		}
		if got := e.Idle(); got != (stored == 10) {
			t.Errorf("stored %d: idle is %v", stored, got)
		}
	}
}

func TestSenderKeepsToItsCredit(t *testing.T) {
	t.Parallel()
	e := newStreaming(t, dataplane.RT, uplink.BatchPolicy{}, 1)
	e.receive(&dataplane.Ack{Session: 9, Credit: 1})
	e.wants(1, 1) // one frame may pass it
	e.publish(1)
	e.wants(0, 0)
	e.receive(&dataplane.Ack{Session: 8, Credit: 1 << 20})
	e.wants(0, 0) // of another session
	e.receive(&dataplane.Ack{Session: 9, Stored: e.mark(1), Credit: 0})
	e.wants(0, 0)
	e.now = e.now.Add(5 * time.Second)
	e.wants(0, 0) // silence grants nothing
	e.receive(&dataplane.Ack{Session: 9, Stored: e.mark(1), Credit: 1})
	e.wants(2, 2)
	e.receive(&dataplane.Ack{Session: 9, Stored: e.mark(2), Durable: e.mark(2), Credit: 1})
	if !e.Idle() || e.Stored() != e.mark(2) || e.spool.Stats(dataplane.RT).Held.Records != 0 {
		t.Errorf("idle %v, stored %v, held %d", e.Idle(), e.Stored(), e.spool.Stats(dataplane.RT).Held)
	}
}

// TestSenderPassesOverWhatWasStoredMeanwhile: frames of an earlier connection
// get into the log behind HELLO_OK, and are neither sent again nor taken for
// lost once they are released.
func TestSenderPassesOverWhatWasStoredMeanwhile(t *testing.T) {
	t.Parallel()
	e := newStreaming(t, dataplane.RT, uplink.BatchPolicy{}, 10)
	e.receive(&dataplane.Ack{Session: 9, Stored: e.mark(6), Durable: e.mark(6), Credit: 1 << 20})
	e.wants(7, 10)
}

func TestSenderGoesBackForNack(t *testing.T) {
	t.Parallel()
	e := newStreaming(t, dataplane.RT, uplink.BatchPolicy{}, 2)
	e.wants(1, 2)
	e.publish(2)
	e.wants(3, 4)
	e.publish(2)
	e.wants(5, 6)
	e.receive(&dataplane.Nack{Session: 8, Expected: e.mark(1)}) // of another session
	e.wants(0, 0)
	e.receive(&dataplane.Nack{Session: 9, Expected: e.mark(3)})
	e.wants(3, 6)
	if e.Idle() {
		t.Error("idle with frame 1-2, which was not turned away, on its way")
	}
	e.receive(&dataplane.Ack{Session: 9, Stored: e.mark(6), Credit: 1 << 20})
	if !e.Idle() {
		t.Error("not idle with all stored")
	}
}

func TestSenderEndsWhenNacksBringNothing(t *testing.T) {
	t.Parallel()
	e := newStreaming(t, dataplane.RT, uplink.BatchPolicy{}, 2)
	nack := &dataplane.Nack{Session: 9, Expected: e.mark(1)}
	for range 3 {
		e.wants(1, 2)
		e.receive(nack)
	}
	ends(t, e.Receive(nack, e.now), "asked 4 times")

	e = newStreaming(t, dataplane.RT, uplink.BatchPolicy{}, 2)
	for range 5 { // not while each brings something
		e.publish(2)
		f, is := e.next().(*dataplane.Data)
		if !is {
			t.Fatalf("got %+v", f)
		}
		e.receive(&dataplane.Nack{Session: 9, Expected: e.mark(f.First)})
		e.next()
		e.receive(&dataplane.Ack{Session: 9, Stored: f.Mark(), Credit: 1 << 20})
	}
}

func TestSenderEndsForWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	for reason, f := range map[string]dataplane.Frame{
		"behind":               &dataplane.Nack{Session: 9, Expected: mark(uint64(start0.UnixMilli()), 4)},
		"asked for record 5/0": &dataplane.Nack{Session: 9, Expected: mark(5, 0)},
		"second HELLO_OK":      &dataplane.HelloOK{Session: 9, Version: 1},
		"the edge's to send":   &dataplane.Data{},
		"goodbye: draining":    &dataplane.Bye{Reason: "draining"},
		"(superseded): go":     &dataplane.Refuse{Code: dataplane.RefuseSuperseded, Text: "go"},
	} {
		e := newStreaming(t, dataplane.RT, uplink.BatchPolicy{}, 2)
		e.wants(1, 2)
		ends(t, e.Receive(f, e.now), reason)
	}
	for reason, f := range map[string]*dataplane.HelloOK{
		"chose version 2":  {Session: 9, Version: 2},
		"without a number": {Version: 1},
	} {
		e := newEdge(t, dataplane.RT, uplink.BatchPolicy{}, 0)
		ends(t, e.Receive(f, e.now), reason)
	}
}

func TestSenderTellsWhatARefusalSays(t *testing.T) {
	t.Parallel()
	e := newEdge(t, dataplane.RT, uplink.BatchPolicy{}, 0)
	end := ends(t, e.Receive(&dataplane.Refuse{
		Code: dataplane.RefuseInUse, Text: "taken", RetryAfter: time.Second, Address: "tcp://other:5557",
	}, e.now), "refused by cloudsvc (in use): taken")
	if end.Code != dataplane.RefuseInUse || end.RetryAfter != time.Second || end.Address != "tcp://other:5557" {
		t.Errorf("end is %+v", end)
	}
}

func TestSenderMovesToAHigherEpochOnce(t *testing.T) {
	t.Parallel()
	e := newEdge(t, dataplane.RT, uplink.BatchPolicy{}, 3)
	refuse := &dataplane.Refuse{Code: dataplane.RefuseEpochBehind, HighWater: mark(e.epoch+10, 7)}
	if end := ends(t, e.Receive(refuse, e.now), "epoch behind"); end.RetryAfter != time.Millisecond {
		t.Errorf("again after %v: want at once", end.RetryAfter)
	}
	want := dataplane.EpochRange{Epoch: e.epoch + 11, First: 1, Last: 3}
	if got := e.spool.Lane(dataplane.RT).Held(); len(got) != 1 || got[0] != want {
		t.Errorf("held is %+v: want %+v", got, want)
	}
	if end := ends(t, e.Receive(refuse, e.now), "epoch behind"); end.RetryAfter != 0 {
		t.Errorf("refused for no reason, again after %v: want the back-off's", end.RetryAfter)
	}
}

// TestSenderThatWasSetBack is one whose machine was put back while it ran: the
// epoch is the same, and its numbers were given before.
func TestSenderThatWasSetBack(t *testing.T) {
	t.Parallel()
	e := newEdge(t, dataplane.RT, uplink.BatchPolicy{}, 3)
	e.publish(4) // behind HELLO
	ok := &dataplane.HelloOK{Session: 9, Credit: 1 << 20, Version: 1, Stored: e.mark(4), Durable: e.mark(4)}
	if end := ends(t, e.Receive(ok, e.now), "was set back"); end.RetryAfter != time.Millisecond {
		t.Errorf("again after %v: want at once", end.RetryAfter)
	}
	want := dataplane.EpochRange{Epoch: e.epoch + 1, First: 1, Last: 7}
	if got := e.spool.Lane(dataplane.RT).Held(); len(got) != 1 || got[0] != want {
		t.Errorf("held is %+v: want %+v", got, want)
	}
}

func TestSenderAnswersControl(t *testing.T) {
	t.Parallel()
	e := newStreaming(t, dataplane.RT, uplink.BatchPolicy{}, 0)
	e.receive(&dataplane.Control{Kind: "filter", Revision: 3})
	e.receive(&dataplane.Control{Kind: "filter", Revision: 3, Reply: true})
	got, is := e.next().(*dataplane.Control)
	if !is || !got.Reply || got.Kind != "filter" || got.Revision != 3 || got.Status != dataplane.ControlUnsupported {
		t.Errorf("CONTROL is answered by %+v", got)
	}
	e.wants(0, 0) // a reply is not
}

func TestSenderPingsAndGivesUp(t *testing.T) {
	t.Parallel()
	e := newStreaming(t, dataplane.RT, uplink.BatchPolicy{}, 0)
	for i := range 3 { // each answered
		if want := e.now.Add(uplink.PingAfter); !e.Due().Equal(want) {
			t.Fatalf("round %d: due %v: want %v", i, e.Due(), want)
		}
		e.now = e.Due().Add(-1)
		e.wants(0, 0)
		e.now = e.Due()
		ping, is := e.next().(*dataplane.Ping)
		if !is {
			t.Fatalf("round %d: got %+v: want PING", i, ping)
		}
		e.wants(0, 0)
		e.receive(&dataplane.Pong{T1: ping.T1})
	}
	heard := e.now
	for i := 1; i <= 3; i++ { // three missed
		e.now = e.Due()
		if ping, is := e.next().(*dataplane.Ping); !is || !e.now.Equal(heard.Add(time.Duration(i)*uplink.PingAfter)) {
			t.Fatalf("missed %d: got %+v after %v", i, ping, e.now.Sub(heard))
		}
	}
	if want := heard.Add(uplink.DeadAfter); !e.Due().Equal(want) {
		t.Fatalf("due %v: want %v", e.Due(), want)
	}
	_, err := e.Next(e.Due())
	ends(t, err, "nothing heard in 40s")
}

func TestSenderAnswersPing(t *testing.T) {
	t.Parallel()
	e := newStreaming(t, dataplane.RT, uplink.BatchPolicy{}, 0)
	e.receive(&dataplane.Ping{T1: start0.Add(time.Hour)})
	if got, is := e.next().(*dataplane.Pong); !is || !got.T1.Equal(start0.Add(time.Hour)) || !got.T2.Equal(e.now) || !got.T3.Equal(e.now) {
		t.Errorf("PING is answered by %+v", got)
	}
}

// A message that the cloud cannot keep becomes a gap, and the next one goes on.
func TestSenderTooLarge(t *testing.T) {
	t.Parallel()
	e := newEdge(t, dataplane.RT, uplink.BatchPolicy{}, 0)
	e.next() // HELLO
	e.receive(&dataplane.HelloOK{Session: 9, Credit: 4 << 20, Version: 1, MaxFrame: 400 << 10})
	noise := make([]byte, 600<<10)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise) // it does not compress
	large := messages(dataplane.RT, 1)
	large[0].Value = dataplane.BytesValue(noise)
	if err := e.spool.Append(large); err != nil {
		t.Fatal(err)
	}
	e.publish(1)
	gap, is := e.next().(*dataplane.Gap)
	if !is || gap.From != 1 || gap.To != 1 || len(gap.Series) != 1 || !strings.Contains(gap.Reason, "cloudsvc takes 409600") {
		t.Fatalf("for the large message: got %+v, want a gap of 1 to 1 with its series and the limit", gap)
	}
	data, is := e.next().(*dataplane.Data)
	if !is || data.First != 2 || data.Last != 2 {
		t.Errorf("behind it: got %+v, want DATA 2 to 2", data)
	}
}
