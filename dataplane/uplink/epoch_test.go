package uplink_test

import (
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
)

// newTwoEpochs returns an edge that was granted session 9, with two records of
// an epoch that has ended and some of the next.
func newTwoEpochs(t *testing.T, next int) (e *edgeEnd, ended uint64) {
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
	e.publish(next)
	e.Sender = uplink.NewSender(uplink.SenderOptions{
		Publisher: "edge-1/mapper", Lane: dataplane.RT, Queue: lane, Packer: newPacker(t),
	}, e.now)
	h, is := e.next().(*dataplane.Hello)
	if !is || len(h.Epochs) != 2 || h.Epochs[0] != (dataplane.EpochRange{Epoch: e.epoch, First: 1, Last: 2}) || h.Epochs[1].Last != uint64(next) {
		t.Fatalf("the first frame is %+v: want HELLO with two epochs", h)
	}
	e.receive(&dataplane.HelloOK{Session: 9, Credit: 1 << 20, Version: 1})
	return e, e.epoch
}

// TestSenderEndsAnEpochFirst: the next one's records wait until the cloud has
// all of the one before, as it could not tell that some are missing.
func TestSenderEndsAnEpochFirst(t *testing.T) {
	t.Parallel()
	e, ended := newTwoEpochs(t, 1)
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

// TestSenderEndsAnEpochWithoutANext: nothing is published since the start, and
// the cloud learns how the epoch before it ended all the same, once.
func TestSenderEndsAnEpochWithoutANext(t *testing.T) {
	t.Parallel()
	e, ended := newTwoEpochs(t, 0)
	e.wants(1, 2)
	e.wants(0, 0)
	e.receive(&dataplane.Ack{Session: 9, Stored: e.mark(2), Durable: e.mark(2), Credit: 1 << 20})
	end, is := e.next().(*dataplane.EpochEnd)
	if !is || *end != (dataplane.EpochEnd{Session: 9, Lane: dataplane.RT, Epoch: ended, Last: 2}) {
		t.Fatalf("got %+v: want the certain end of epoch %d at 2", end, ended)
	}
	e.wants(0, 0)
}

// TestSenderTellsOfWhatAnEmptyEpochMayHaveHad: power was lost before anything of
// it was on disk, as far as anybody knows.
func TestSenderTellsOfWhatAnEmptyEpochMayHaveHad(t *testing.T) {
	t.Parallel()
	e, ended := newTwoEpochs(t, 1)
	e.Sender = uplink.NewSender(uplink.SenderOptions{
		Publisher: "edge-1/mapper", Lane: dataplane.RT, Queue: emptied{e.spool.Lane(dataplane.RT), ended}, Packer: newPacker(t),
	}, e.now)
	e.next()
	e.receive(&dataplane.HelloOK{Session: 9, Stored: dataplane.Mark{Epoch: ended - 1, Seq: 3}, Credit: 1 << 20, Version: 1})
	for _, want := range []dataplane.EpochEnd{
		{Epoch: ended - 1, Last: 3, Unknown: true, Reason: "the edge's spool does not know how the epoch ended"},
		{Epoch: ended, Unknown: true, Reason: "power was lost"},
	} {
		want.Session, want.Lane = 9, dataplane.RT
		if end, is := e.next().(*dataplane.EpochEnd); !is || *end != want {
			t.Fatalf("got %+v, want %+v", end, want)
		}
	}
	e.wants(1, 1)
}

// emptied is a Queue that holds nothing any more of an epoch of which it does
// not know what it had.
type emptied struct {
	uplink.Queue
	epoch uint64
}

func (q emptied) Emptied(after uint64) uint64 {
	if after < q.epoch {
		return q.epoch
	}
	return 0
}

func (q emptied) Ended(epoch uint64) (uint64, string) {
	if epoch == q.epoch {
		return 0, "power was lost"
	}
	return q.Queue.Ended(epoch)
}

func (q emptied) Next(after dataplane.Mark, maxCount, maxBytes int) (*dataplane.Batch, *dataplane.Gap) {
	return q.Queue.Next(dataplane.Mark{Epoch: max(after.Epoch, q.epoch), Seq: max(after.Seq, 2)}, maxCount, maxBytes)
}

// TestSenderFinishes: what is told to be the end is all that was accepted, and
// is told only where the cloud has it.
func TestSenderFinishes(t *testing.T) {
	t.Parallel()
	e := newStreaming(t, dataplane.RT, uplink.BatchPolicy{}, 0)
	if end := e.Finish(); end != nil {
		t.Errorf("nothing was sent, and yet its end is told: %x", end)
	}
	e.publish(3)
	e.wants(1, 3)
	if end := e.Finish(); end != nil {
		t.Errorf("nobody has it, and yet its end is told: %x", end)
	}
	e.receive(&dataplane.Ack{Session: 9, Stored: e.mark(3), Durable: e.mark(3), Credit: 1 << 20})
	f, err := dataplane.DecodeFrame(e.Finish())
	if end, is := f.(*dataplane.EpochEnd); !is || err != nil || *end != (dataplane.EpochEnd{Session: 9, Lane: dataplane.RT, Epoch: e.epoch, Last: 3}) {
		t.Errorf("got %+v, %v: want the certain end at 3", f, err)
	}
}

// TestReceiverTakesAnEndOnce: and only where all before it is there, and nothing
// of a later epoch before it.
func TestReceiverTakesAnEndOnce(t *testing.T) {
	t.Parallel()
	c := newCloud(t, uplink.ReceiverOptions{})
	ok := c.greet("a", hello("edge-1/mapper", 1, dataplane.RT, 5, 9))
	end := func(epoch, last uint64) *dataplane.EpochEnd {
		return &dataplane.EpochEnd{Session: ok.Session, Lane: dataplane.RT, Epoch: epoch, Last: last, Unknown: true, Reason: "power was lost"}
	}
	wants := func(what string, f dataplane.Frame, epoch, first, last uint64) {
		t.Helper()
		_, a := c.receive("a", f)
		if a == nil || a.Epoch != epoch || a.First != first || a.Last != last {
			t.Fatalf("%s: accepted %+v, want %d/%d-%d", what, a, epoch, first, last)
		}
		if e, is := f.(*dataplane.EpochEnd); is && (a.End == nil || *a.End != *e || len(a.Messages) > 0 || a.Gap != nil || a.Mark() != mark(epoch, last)) {
			t.Errorf("%s: accepted %+v, want the end", what, a)
		}
	}
	refuses := func(what string, f dataplane.Frame, asks dataplane.Mark) {
		t.Helper()
		replies, a := c.receive("a", f)
		if a != nil {
			t.Fatalf("%s: accepted %+v", what, a)
		}
		for _, f := range framesTo("a", replies) {
			if nack, is := f.(*dataplane.Nack); !is || nack.Expected != asks {
				t.Errorf("%s: answered by %+v, want a NACK of %v", what, f, asks)
			}
		}
		if (asks == dataplane.Mark{}) != (len(replies) == 0) {
			t.Errorf("%s: answered by %d frames, want a NACK of %v", what, len(replies), asks)
		}
	}
	wants("records", c.data(ok.Session, dataplane.RT, 5, 1, 3), 5, 1, 3)
	refuses("an epoch whose forerunner has no end", end(6, 0), mark(5, 4))
	wants("the end", end(5, 3), 5, 4, 3)
	refuses("the end again", end(5, 3), dataplane.Mark{})
	wants("the end of an epoch without records", end(6, 0), 6, 1, 0)
	refuses("an old end", end(5, 3), dataplane.Mark{})
	wants("the next epoch", c.data(ok.Session, dataplane.RT, 7, 1, 2), 7, 1, 2)
	wants("an end that knows of less than came", end(7, 1), 7, 3, 2)
	wants("records behind the end", c.data(ok.Session, dataplane.RT, 7, 3, 3), 7, 3, 3)
	wants("their end", end(7, 3), 7, 4, 3)

	restored := newCloud(t, uplink.ReceiverOptions{})
	restored.Restore("edge-1/mapper", dataplane.SpoolID{1}, dataplane.RT, mark(7, 3), true)
	c, ok = restored, restored.greet("a", hello("edge-1/mapper", 1, dataplane.RT, 7, 9))
	refuses("the end that is in the log", end(7, 3), dataplane.Mark{})
	wants("the next epoch", c.data(ok.Session, dataplane.RT, 8, 1, 1), 8, 1, 1)
}

// TestReceiverPutsAnEndOff: where there is no room for anything, there is none
// for ends.
func TestReceiverPutsAnEndOff(t *testing.T) {
	t.Parallel()
	c := newCloud(t, uplink.ReceiverOptions{MaxWeight: 1})
	ok := c.greet("a", hello("edge-1/mapper", 1, dataplane.RT, 5, 6))
	records := c.accept("a", c.data(ok.Session, dataplane.RT, 5, 1, 3))
	end := &dataplane.EpochEnd{Session: ok.Session, Lane: dataplane.RT, Epoch: 5, Last: 3}
	replies, a := c.receive("a", end)
	frames := framesTo("a", replies)
	if a != nil || len(frames) != 2 {
		t.Fatalf("accepted %+v, answered by %+v: want no credit, and a NACK", a, frames)
	}
	if nack, is := frames[1].(*dataplane.Nack); !is || nack.Expected != mark(5, 4) {
		t.Errorf("answered by %+v, want a NACK of 5/4", frames[1])
	}
	c.Stored([]*uplink.Accepted{records}, c.now)
	c.accept("a", end)
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
