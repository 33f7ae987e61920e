package uplink_test

import (
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
)

// newTwoEpochs returns an edge that was granted session 9, with two records of
// an epoch that has ended and one of the next.
func newTwoEpochs(t *testing.T) (e *edgeEnd, ended uint64) {
	t.Helper()
	o := spool.Options{
		Publisher: "edge-1/mapper", Storage: spool.Storage{Dir: t.TempDir(), MaxBytes: 1 << 20},
		Now: func() time.Time { return start0 },
	}
	s, err := spool.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	before := messages(dataplane.RT, 2)
	if err := s.Append(before); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	woken := make(chan struct{}, 8)
	o.Wake = func(dataplane.Class) { woken <- struct{}{} }
	if s, err = spool.Open(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	lane := s.Lane(dataplane.RT)
	if batch, _ := lane.Next(dataplane.Mark{}, 1, 1); batch == nil {
		<-woken // it is read back
	}
	e = &edgeEnd{t: t, spool: s, lane: dataplane.RT, now: start0, epoch: before[0].ID.Epoch}
	e.publish(1)
	e.Sender = uplink.NewSender(uplink.SenderOptions{
		Publisher: "edge-1/mapper", Spool: s.ID(), Lane: dataplane.RT, Queue: lane, Packer: newPacker(t),
	}, e.now)
	h, is := e.next().(*dataplane.Hello)
	if !is || len(h.Epochs) != 2 || h.Epochs[0] != (dataplane.EpochRange{Epoch: e.epoch, First: 1, Last: 2}) || h.Epochs[1].Last != 1 {
		t.Fatalf("the first frame is %+v: want HELLO with two epochs", h)
	}
	e.receive(&dataplane.HelloOK{Session: 9, Credit: 1 << 20, Version: 1})
	return e, e.epoch
}

// TestSenderEndsAnEpochFirst: the next one's records wait until the cloud has
// all of the one before, as it could not tell that some are missing.
func TestSenderEndsAnEpochFirst(t *testing.T) {
	t.Parallel()
	e, ended := newTwoEpochs(t)
	wantEnd := func() {
		t.Helper()
		end, is := e.next().(*dataplane.EpochEnd)
		if !is || *end != (dataplane.EpochEnd{Session: 9, Lane: dataplane.RT, Epoch: ended, Last: 2}) {
			t.Fatalf("got %+v: want the certain end of epoch %d at 2", end, ended)
		}
	}
	e.wants(1, 2)
	wantEnd()
	e.wants(0, 0)
	e.now = e.now.Add(uplink.PingAfter)
	if _, is := e.next().(*dataplane.Ping); !is {
		t.Fatal("no PING")
	}
	wantEnd() // again: it may have been lost
	e.receive(&dataplane.Nack{Session: 9, Expected: e.mark(2)})
	e.wants(2, 2)
	wantEnd()
	e.receive(&dataplane.Ack{Session: 9, Stored: e.mark(2), Durable: e.mark(2), Credit: 1 << 20})
	e.wants(1, 1)
}

// TestReceiverAsksForWhatAnEpochLacks: what is missing at its end is not
// followed by anything else of it.
func TestReceiverAsksForWhatAnEpochLacks(t *testing.T) {
	t.Parallel()
	c := newCloud(t, uplink.ReceiverOptions{})
	ok := c.greet("a", hello("edge-1/mapper", 1, dataplane.RT, 5, 6))
	for _, tt := range []struct {
		first, last uint64 // of DATA before; 0: none
		end         dataplane.EpochEnd
		asks        uint64 // 0: for nothing
	}{
		{0, 0, dataplane.EpochEnd{Session: ok.Session, Epoch: 5, Last: 3}, 1},
		{1, 2, dataplane.EpochEnd{Session: ok.Session, Epoch: 5, Last: 3}, 3},
		{3, 3, dataplane.EpochEnd{Session: ok.Session, Epoch: 5, Last: 3}, 0},
		{0, 0, dataplane.EpochEnd{Session: ok.Session, Epoch: 4, Last: 9}, 0},
		{0, 0, dataplane.EpochEnd{Session: ok.Session, Epoch: 7, Last: 9}, 0},
		{0, 0, dataplane.EpochEnd{Session: ok.Session + 1, Epoch: 5, Last: 9}, 0},
	} {
		if tt.first > 0 {
			c.accept("a", c.data(ok.Session, dataplane.RT, 5, tt.first, tt.last))
		}
		tt.end.Lane = dataplane.RT
		frames := c.answer("a", &tt.end)
		if tt.asks == 0 {
			if len(frames) > 0 {
				t.Errorf("%+v is answered by %+v", tt.end, frames[0])
			}
			continue
		}
		if nack, is := frames[0].(*dataplane.Nack); !is || nack.Expected != mark(5, tt.asks) {
			t.Errorf("%+v is answered by %+v: want a NACK of 5/%d", tt.end, frames[0], tt.asks)
		}
	}
}
