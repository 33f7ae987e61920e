package cloudsvc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

func count(t testing.TB, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func TestIngestOptions(t *testing.T) {
	t.Parallel()
	log, registry, metrics := newMemoryLog(), NewRegistry(RegistryOptions{}), NewMetrics(prometheus.NewRegistry())
	for _, o := range []IngestOptions{
		{},
		{Log: log, Marks: log, Eras: log, Registry: registry, Metrics: metrics},
		{Log: log, Marks: log, Eras: log, Registry: registry, Metrics: metrics, MaxFrame: 1, DurableLag: -1},
	} {
		if _, err := NewIngest(t.Context(), o); err == nil {
			t.Errorf("%+v: accepted", o)
		}
	}
}

// heldLog holds Append back until it is released.
func heldLog() (log *memoryLog, release func()) {
	gate := make(chan struct{})
	log = newMemoryLog()
	log.before = func(ctx context.Context, _ dataplane.Class) error {
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return log, func() { close(gate) }
}

// What comes while one block is stored becomes the next ones, of 256 KiB at
// most; an ACK comes when the log has answered, and not before.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const peers, frames = 50, 100
		log, release := heldLog()
		c := startCloud(quiet(t.Context()), t, log, nil)
		sessions := make([]uint64, peers)
		for n := range peers {
			sessions[n] = c.hello(t, fmt.Sprintf("edge-%d/m", n), dataplane.RT).Session
		}
		for first := range uint64(frames) {
			for n, session := range sessions {
				peer := uplink.Peer(fmt.Sprintf("edge-%d/m", n))
				if early := c.say(peer, dataFrame(t, c.packer, session, dataplane.RT, first+1, "a/topic", "b")); early != nil {
					t.Fatalf("%s: answered by %#v before the log was", peer, early[0])
				}
			}
		}
		synctest.Wait()
		release()
		synctest.Wait()
		if got, want := log.checkOnce(t), uint64(peers*frames*2); got < want/2 {
			t.Errorf("records stored: got %d, want %d frames' at least", got, want/2)
		}
		blocks := log.all(dataplane.RT)
		total := 0
		for n, b := range blocks {
			total += len(b)
			if len(b) > maxBlock {
				t.Errorf("block %d: %d bytes, want %d at most", n, len(b), maxBlock)
			}
		}
		if most := total/maxBlock + 3; len(blocks) > most {
			t.Errorf("%d bytes are %d blocks, want %d at most", total, len(blocks), most)
		}
		for n := range peers {
			answers := c.replies(uplink.Peer(fmt.Sprintf("edge-%d/m", n)))
			last, is := answers[len(answers)-1].(*dataplane.Ack)
			if want := (dataplane.Mark{Epoch: 1, Seq: frames + 1}); !is || last.Stored != want {
				t.Fatalf("edge %d: got %#v at last, want %v stored", n, answers[len(answers)-1], want)
			}
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
	})
}

// A log that fails is told once each time that changes; edges keep their
// records, and all is well by itself when it is back.
func TestFailingLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines lineLog
		ctx := klog.NewContext(t.Context(), lines.logger())
		log := newMemoryLog()
		var mu sync.Mutex
		failure := errors.New("no space left on device")
		log.before = func(context.Context, dataplane.Class) error {
			mu.Lock()
			defer mu.Unlock()
			return failure
		}
		set := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			failure = err
		}
		c := startCloud(ctx, t, log, nil)
		edges := []*edge{newEdge(t, "edge/m", dataplane.RT, 1<<20)}
		edgeCtx, cut := context.WithCancel(t.Context())
		go edges[0].connect(edgeCtx, c, c.packer)
		synctest.Wait()
		edges[0].publish(t, 10)
		<-time.After(time.Minute)
		if err := c.Ready(); err == nil || !strings.Contains(err.Error(), "RT") || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("ready: got %v, want it to name the class and the reason", err)
		}
		if got := edges[0].spool.Stats(dataplane.RT).Held.Records; got != 10 {
			t.Errorf("held at the edge: got %d, want 10", got)
		}
		set(errors.New("permission denied"))
		<-time.After(time.Minute)
		set(nil)
		settle(t, edges)
		if err := c.Ready(); err != nil {
			t.Errorf("ready: got %v, want nil", err)
		}
		want := []string{"no space left on device", "permission denied", "takes blocks again"}
		if got := lines.matching("block"); len(got) != len(want) {
			t.Errorf("log lines: got %q, want one with each of %q", got, want)
		} else {
			for n := range want {
				if !strings.Contains(got[n], want[n]) {
					t.Errorf("log line %d: got %s, want %q in it", n, got[n], want[n])
				}
			}
		}
		if got := count(t, c.options.Metrics.storeErrors); got < 10 || got > 200 {
			t.Errorf("tries that failed in 2 minutes: got %v, want a few dozen", got)
		}
		cut()
		if err := c.end(); err != nil {
			t.Error(err)
		}
		if got := log.checkOnce(t); got != 10 {
			t.Errorf("records stored: got %d, want 10", got)
		}
	})
}

// lineLog keeps what is logged.
type lineLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *lineLog) logger() klog.Logger {
	return funcr.New(func(_, args string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, args)
	}, funcr.Options{})
}

func (l *lineLog) matching(text string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.lines), func(line string) bool { return !strings.Contains(line, text) })
}

// What was accepted is stored before the end, and acknowledged before BYE.
func TestShutdownStoresWhatWasAccepted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, release := heldLog()
		c := startCloud(quiet(t.Context()), t, log, nil)
		ok := c.hello(t, "edge/m", dataplane.RT)
		for first := uint64(1); first <= 3; first++ {
			c.say("edge/m", dataFrame(t, c.packer, ok.Session, dataplane.RT, first, "a"))
		}
		time.AfterFunc(finishTime/2, release)
		if err := c.end(); err != nil {
			t.Error(err)
		}
		if got := log.checkOnce(t); got != 3 {
			t.Errorf("records stored: got %d, want 3", got)
		}
		answers := c.replies("edge/m")
		if len(answers) < 2 {
			t.Fatalf("answered by %#v, want ACK and BYE", answers)
		}
		ack, isAck := answers[len(answers)-2].(*dataplane.Ack)
		_, isBye := answers[len(answers)-1].(*dataplane.Bye)
		if !isAck || ack.Stored.Seq != 3 || !isBye {
			t.Errorf("at last: got %#v and %#v, want ACK of 3 and BYE", answers[len(answers)-2], answers[len(answers)-1])
		}
		if log.snapshot == nil {
			t.Error("the marks were not saved")
		}
	})
}

// A log that hangs does not keep cloudsvc from ending. Its last line tells
// apart what is sent again and what is not.
func TestShutdownIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines lineLog
		log, _ := heldLog()
		c := startCloud(klog.NewContext(t.Context(), lines.logger()), t, log, nil)
		ok := c.hello(t, "edge/m", dataplane.RT)
		c.say("edge/m", dataFrame(t, c.packer, ok.Session, dataplane.RT, 1, "a", "b", "c"))
		published := make(chan error, 1)
		go func() {
			_, err := c.Publish(t.Context(), "me", []dataplane.Message{httpMessage(dataplane.RT, "a")})
			published <- err
		}()
		synctest.Wait()
		began := time.Now()
		if err := c.end(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != finishTime {
			t.Errorf("ended after %v, want %v", took, finishTime)
		}
		if err := <-published; !errors.Is(err, ErrClosed) {
			t.Errorf("publish: got %v, want ErrClosed", err)
		}
		if got := lines.matching("Stopped"); len(got) != 1 || !strings.Contains(got[0], `"class"="RT" "kept"=3 "lost"=1`) {
			t.Errorf("logged: got %q, want one line with both counts", got)
		}
	})
}

// Who does not know what is in the log ends, and leaves the marks alone.
func TestLostLogEnds(t *testing.T) {
	t.Parallel()
	for _, lost := range []error{ErrFenced, ErrTruncated} {
		t.Run(lost.Error(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := newMemoryLog()
				log.before = func(context.Context, dataplane.Class) error { return fmt.Errorf("append: %w", lost) }
				c := startCloud(quiet(t.Context()), t, log, nil)
				began := log.marks()
				c.Ingest.mu.Lock()
				c.changed = true // there is something to save
				c.Ingest.mu.Unlock()
				ok := c.hello(t, "edge/m", dataplane.BT)
				c.say("edge/m", dataFrame(t, c.packer, ok.Session, dataplane.BT, 1, "a"))
				if err := <-c.done; !errors.Is(err, lost) {
					t.Errorf("got %v, want %v", err, lost)
				}
				if !bytes.Equal(log.marks(), began) {
					t.Error("the marks were saved")
				}
				c.stop()
			})
		})
	}
}

// A gap is stored in the records' place, and the edge goes on behind it.
func TestGapIsStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		e := newEdge(t, "edge/m", dataplane.RT, 8<<10)
		e.publish(t, 500) // more than it has room for
		dropped := e.spool.Stats(dataplane.RT).Dropped.Records
		run(t, log, nil, 0, []*edge{e}, func() { settle(t, []*edge{e}) })
		if got := log.checkOnce(t); got != 500 || dropped == 0 {
			t.Errorf("stored: got %d with %d dropped, want 500 with some", got, dropped)
		}
		c := startCloud(quiet(t.Context()), t, log, nil)
		c.Ingest.mu.Lock()
		l := c.marks.lanes[laneKey{"edge/m", dataplane.RT}]
		c.Ingest.mu.Unlock()
		if l.mark.Seq != 500 {
			t.Errorf("high-water after a restart: got %v, want 500", l.mark)
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
	})
}

// A gap is never silent: it is counted, and logged with its reason.
func TestGapIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		logger := funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{})
		c := startCloud(quiet(t.Context()), t, newMemoryLog(), func(o *IngestOptions) { o.Logger = logger })
		ok := c.hello(t, "edge/m", dataplane.RT)
		c.say("edge/m", &dataplane.Gap{
			Session: ok.Session, Lane: dataplane.RT, Epoch: 1, From: 1, To: 40, Reason: "the edge's memory was full",
		})
		for n := uint64(41); n <= 50; n++ { // a spool that stays full
			c.say("edge/m", &dataplane.Gap{Session: ok.Session, Lane: dataplane.RT, Epoch: 1, From: n, To: n, Reason: "the edge's memory was full"})
		}
		if got := count(t, c.options.Metrics.classes[dataplane.RT].gapMessages); got != 50 {
			t.Errorf("messages lost: got %v, want 50", got)
		}
		if got := count(t, c.options.Metrics.classes[dataplane.RT].gaps); got != 11 {
			t.Errorf("gaps: got %v, want 11", got)
		}
		if len(lines) != 1 || !strings.Contains(lines[0], `"records"=40 "epoch"=1 "upTo"=40 "reason"="the edge's memory was full"`) {
			t.Errorf("logged: got %q, want one line with the count and the reason", lines)
		}
		time.Sleep(gapEvery)
		c.say("edge/m", &dataplane.Gap{Session: ok.Session, Lane: dataplane.RT, Epoch: 1, From: 51, To: 51, Reason: "the edge's memory was full"})
		if len(lines) != 2 || !strings.Contains(lines[1], `"records"=11`) {
			t.Errorf("logged: got %q, want a second line with the 11 since the first", lines)
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
	})
}

// What comes once the end has begun is the publisher's to keep.
func TestStopTakesNothingMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		c := startCloud(quiet(t.Context()), t, log, nil)
		ok := c.hello(t, "edge/m", dataplane.RT)
		c.say("edge/m", dataFrame(t, c.packer, ok.Session, dataplane.RT, 1, "a"))
		synctest.Wait()
		if err := c.end(); err != nil {
			t.Error(err)
		}
		c.say("edge/m", dataFrame(t, c.packer, ok.Session, dataplane.RT, 2, "a"))
		if got := log.checkOnce(t); got != 1 {
			t.Errorf("stored: got %d, want the 1 from before the end", got)
		}
		if got := count(t, c.options.Metrics.classes[dataplane.RT].receivedMessages); got != 1 {
			t.Errorf("received: got %v, want 1", got)
		}
	})
}

// A node is online while one of its lanes is.
func TestNodeOutlivesALane(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := startCloud(quiet(t.Context()), t, newMemoryLog(), nil)
		state := func() State { return c.options.Registry.Discover("")[0].State }
		hello := func(peer uplink.Peer, lane dataplane.Class) {
			c.say(peer, &dataplane.Hello{
				Publisher: "edge/m", Lane: lane, Epochs: []dataplane.EpochRange{{Epoch: 1, First: 1}},
				MinVersion: dataplane.Version, MaxVersion: dataplane.Version,
			})
		}
		hello("rt", dataplane.RT)
		hello("bt", dataplane.BT)
		c.Unreachable("bt")
		if got := state(); got != Online {
			t.Errorf("with one lane left: got %v, want online", got)
		}
		c.say("rt", &dataplane.Bye{})
		if got := state(); got != Offline {
			t.Errorf("with none left: got %v, want offline", got)
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestOversizedFrame(t *testing.T) {
	t.Parallel()
	i := newTestIngest(t, newMemoryLog(), func(o *IngestOptions) { o.MaxFrame = 100 })
	i.Receive("peer", make([]byte, 101))
	if got := count(t, i.options.Metrics.oversized); got != 1 {
		t.Errorf("counted: got %v, want 1", got)
	}
}

func TestReservedNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		c := startCloud(quiet(t.Context()), t, log, nil)
		c.hello(t, "edge/m", dataplane.RT)
		for _, peer := range []uplink.Peer{"stranger", "edge/m"} {
			answers := c.say(peer, &dataplane.Hello{
				Publisher: "http/anonymous", Lane: dataplane.RT, Epochs: []dataplane.EpochRange{{Epoch: 1, First: 1}},
				MinVersion: dataplane.Version, MaxVersion: dataplane.Version,
			})
			if len(answers) != 1 {
				t.Fatalf("%s: answered by %#v", peer, answers)
			}
			if refusal, is := answers[0].(*dataplane.Refuse); !is || refusal.Code != dataplane.RefuseUnauthorized {
				t.Errorf("%s: got %#v, want it refused", peer, answers[0])
			}
		}
		if answers := c.say("edge/m", &dataplane.Ping{}); answers != nil {
			t.Errorf("the session that was: answered by %#v, want it gone", answers)
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
	})
}

// Frames of other kinds, and what is no frame, harm nothing.
func TestReceiveNoise(t *testing.T) {
	t.Parallel()
	i := newTestIngest(t, newMemoryLog(), nil)
	for _, b := range [][]byte{nil, {}, {'D', 'S', 1}, []byte("DS\x01\x01 a HELLO, cut short"), make([]byte, 1000)} {
		i.Receive("stranger", b)
	}
	i.Unreachable("stranger")
}
