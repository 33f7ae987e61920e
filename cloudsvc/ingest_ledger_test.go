package cloudsvc

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/ledger"
	"datastub/dataplane"
)

func ledgerOf(t *testing.T, i *Ingest, publisher string) ledger.Ledger {
	t.Helper()
	l, err := i.Ledger(t.Context(), publisher)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A block that is taken out of the log, or changed, is missed, and what was in
// it is named; so is one that is there twice. What retention took is not.
func TestLedgerFindsWhatIsDoneToTheLog(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		harm    func(l *memoryLog)
		verdict ledger.Verdict
		missing ledger.Spans
		twice   ledger.Spans
		trimmed uint64
		corrupt []uint64
	}{
		{name: "nothing", harm: func(*memoryLog) {}, verdict: ledger.Proven},
		{
			name: "a block is taken out", verdict: ledger.Missing, missing: ledger.Spans{{From: 3, To: 4}},
			harm: func(l *memoryLog) {
				l.blocks[dataplane.RT] = append(l.blocks[dataplane.RT][:1], l.blocks[dataplane.RT][2:]...)
			},
		},
		{
			name: "a block is changed", verdict: ledger.Missing, missing: ledger.Spans{{From: 3, To: 4}}, corrupt: []uint64{2},
			harm: func(l *memoryLog) { l.blocks[dataplane.RT][1][40] ^= 1 },
		},
		{
			name: "a block is there twice", verdict: ledger.Twice, twice: ledger.Spans{{From: 3, To: 4}},
			harm:    func(l *memoryLog) { l.blocks[dataplane.RT][2] = l.blocks[dataplane.RT][1] },
			missing: ledger.Spans{{From: 5, To: 6}},
		},
		{
			name: "the first is let go of", verdict: ledger.Proven, trimmed: 2,
			harm: func(l *memoryLog) { l.gone[dataplane.RT] = 1 },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := newMemoryLog()
				c := startCloud(quiet(t.Context()), t, log, nil)
				session := c.hello(t, "edge/m", dataplane.RT).Session
				for first := uint64(1); first < 6; first += 2 {
					c.say("edge/m", dataFrame(t, c.packer, session, dataplane.RT, first, "a", "b"))
					<-time.After(time.Second)
				}
				c.say("edge/m", &dataplane.EpochEnd{Session: session, Lane: dataplane.RT, Epoch: 1, Last: 6})
				<-time.After(time.Second)
				log.mu.Lock()
				tt.harm(log)
				log.mu.Unlock()
				l := ledgerOf(t, c.Ingest, "edge/m")
				if err := c.end(); err != nil {
					t.Fatal(err)
				}
				if len(l.Accounts) != 1 || len(l.Accounts[0].Epochs) != 1 {
					t.Fatalf("got %+v, want one epoch", l.Accounts)
				}
				e, want := l.Accounts[0].Epochs[0], tt.verdict
				if len(tt.missing) > 0 {
					want = ledger.Missing
				}
				if e.Verdict != want || !reflect.DeepEqual(e.Missing, tt.missing) || !reflect.DeepEqual(e.Twice, tt.twice) || e.Trimmed != tt.trimmed {
					t.Errorf("got %+v", e)
				}
				if r := l.Log[dataplane.RT]; !reflect.DeepEqual(r.Corrupt, tt.corrupt) || !r.Complete() {
					t.Errorf("read %+v, want %v corrupt", r, tt.corrupt)
				}
			})
		})
	}
}

// What is counted is by publisher and class, each subscriber's messages; who
// publishes over HTTP has accepted what is stored.
func TestLedgerCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := startCloud(quiet(t.Context()), t, newMemoryLog(), nil)
		for range 2 {
			subscribeTo(t, c.Dispatcher(), "#")
		}
		session := c.hello(t, "edge/m", dataplane.RT).Session
		c.say("edge/m", dataFrame(t, c.packer, session, dataplane.RT, 1, "a", dataplane.DeviceTopic, "b"))
		<-time.After(time.Second) // a block of its own, which lists its topics
		c.say("edge/m", &dataplane.Gap{Session: session, Lane: dataplane.RT, Epoch: 1, From: 4, To: 9, Reason: "full"})
		c.options.Registry.Reported("edge/m", &dataplane.Report{Classes: map[dataplane.Class]dataplane.EdgeCount{dataplane.RT: {Epoch: 1, Last: 11}}})
		if _, err := c.Publish(t.Context(), "alice", []dataplane.Message{{Topic: "a", Namespace: "n", Device: "d", Class: dataplane.BT, Value: dataplane.IntValue(1)}}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
		l := ledgerOf(t, c.Ingest, "")
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range l.Accounts {
			for _, e := range a.Epochs {
				got = append(got, fmt.Sprintf("%s %v %+v %v %d on the way, events %v", a.Publisher, a.Class, a.Counts, e.Verdict, e.OnTheWay, e.Events))
			}
		}
		want := []string{
			"edge/m RT {Stored:3 Lost:6 Delivered:4} open 2 on the way, events [2]",
			"http/alice BT {Stored:1 Lost:0 Delivered:2} open 0 on the way, events []",
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got\n%q, want\n%q", got, want)
		}
	})
}

// slowLog takes long to read, and answers nobody whose time is up.
type slowLog struct{ *memoryLog }

func (l slowLog) Ends(ctx context.Context, class dataplane.Class) (first, last uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	return l.memoryLog.Ends(ctx, class)
}

func (l slowLog) Replay(ctx context.Context, class dataplane.Class, after uint64, visit Visit) error {
	return l.memoryLog.Replay(ctx, class, after, func(seq uint64, stored time.Time, block []byte) error {
		if class == dataplane.RT {
			<-time.After(auditTime * 2 / 3)
		}
		return visit(seq, stored, block)
	})
}

// A log that takes too long is read as far as there is time, and that is said;
// the other class's is read all the same.
func TestLedgerOfASlowLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		c := startCloud(quiet(t.Context()), t, log, func(o *IngestOptions) { o.Log = slowLog{log} })
		session := c.hello(t, "edge/m", dataplane.RT).Session
		for first := uint64(1); first < 6; first += 2 {
			c.say("edge/m", dataFrame(t, c.packer, session, dataplane.RT, first, "a", "b"))
			<-time.After(time.Second)
		}
		if _, err := c.Publish(t.Context(), "alice", []dataplane.Message{{Topic: "a", Namespace: "n", Device: "d", Class: dataplane.BT, Value: dataplane.IntValue(1)}}); err != nil {
			t.Fatal(err)
		}
		c.options.Registry.Reported("edge/m", &dataplane.Report{Classes: map[dataplane.Class]dataplane.EdgeCount{dataplane.RT: {Epoch: 1, Last: 7}}})
		l := ledgerOf(t, c.Ingest, "")
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
		r, e := l.Log[dataplane.RT], l.Accounts[0].Epochs[0]
		if r.Complete() || r.Read != 1 || r.Last != 3 || r.Reason == "" || e.Verdict != ledger.Unproven || e.Stored != 2 || e.OnTheWay != 0 {
			t.Errorf("read %+v, %+v, want it cut behind the first block", r, e)
		}
		if r, e := l.Log[dataplane.BT], l.Accounts[1].Epochs[0]; !r.Complete() || e.Stored != 1 {
			t.Errorf("BT: read %+v, %+v, want all of it", r, e)
		}
	})
}

// agingLog lets go of its first two blocks of RT while it is read.
type agingLog struct{ *memoryLog }

func (l agingLog) Replay(ctx context.Context, class dataplane.Class, after uint64, visit Visit) error {
	return l.memoryLog.Replay(ctx, class, after, func(seq uint64, stored time.Time, block []byte) error {
		if class == dataplane.RT && seq == 2 {
			l.gone[class] = 2
			return nil
		}
		return visit(seq, stored, block)
	})
}

// What retention takes while the log is read is not missing.
func TestLedgerOfAnAgingLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		c := startCloud(quiet(t.Context()), t, log, func(o *IngestOptions) { o.Log = agingLog{log} })
		session := c.hello(t, "edge/m", dataplane.RT).Session
		for first := uint64(1); first < 6; first += 2 {
			c.say("edge/m", dataFrame(t, c.packer, session, dataplane.RT, first, "a", "b"))
			<-time.After(time.Second)
		}
		l := ledgerOf(t, c.Ingest, "edge/m")
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
		if e := l.Accounts[0].Epochs[0]; e.Verdict != ledger.Open || e.Trimmed != 4 || e.Stored != 2 || l.Log[dataplane.RT].First != 3 {
			t.Errorf("read %+v, %+v, want four trimmed", l.Log[dataplane.RT], e)
		}
	})
}
