package cloudsvc

import (
	"encoding/json"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
)

func listGaps(t *testing.T, c *cloud) GapList {
	t.Helper()
	list, err := c.Gaps(t.Context(), GapQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// What is listed is the same after a restart, whatever is left of the snapshot,
// and what the log lets go of is not listed any more.
func TestGapsAfterRestart(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(l *memoryLog, old []byte){
		"last snapshot": func(*memoryLog, []byte) {},
		"no snapshot":   func(l *memoryLog, _ []byte) { l.snapshot = nil },
		"old snapshot":  func(l *memoryLog, old []byte) { l.snapshot = old },
		"snapshot of more than there is": func(l *memoryLog, _ []byte) {
			for range 2 {
				l.blocks[dataplane.BT] = l.blocks[dataplane.BT][:len(l.blocks[dataplane.BT])-1]
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { gapsAfterRestart(t, spoil) })
		})
	}
}

func gapsAfterRestart(t *testing.T, spoil func(l *memoryLog, old []byte)) {
	log := newMemoryLog()
	c := startCloud(quiet(t.Context()), t, log, nil)
	say := func(lane dataplane.Class, f *dataplane.Gap) {
		ok := c.hello(t, "edge/m", lane)
		f.Session, f.Lane = ok.Session, lane
		c.say("edge/m", f)
		<-time.After(time.Second)
		c.replies("edge/m")
	}
	say(dataplane.RT, gapFrame(1, 4, "a", "b"))
	say(dataplane.BT, gapFrame(1, 2, "c"))
	<-time.After(saveEvery)
	log.mu.Lock()
	old := log.snapshot
	log.mu.Unlock()
	say(dataplane.RT, gapFrame(5, 9))
	want := listGaps(t, c)
	for _, topic := range []string{"x", "y"} { // what is to be lost
		ok := c.hello(t, "other/m", dataplane.BT)
		c.say("other/m", dataFrame(t, c.packer, ok.Session, dataplane.BT, ok.Stored.Seq+1, topic))
		<-time.After(time.Second)
		c.replies("other/m")
	}
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
	if got, want := listed(want), "RT  5-9, BT c 7-7, RT b 7-7, RT a 7-7"; got != want {
		t.Errorf("listed at first: got %q, want %q", got, want)
	}
	spoil(log, old)

	c = startCloud(quiet(t.Context()), t, log, nil)
	if got := listGaps(t, c); !reflect.DeepEqual(got, want) {
		t.Errorf("after a restart: got %+v, want %+v", got, want)
	}
	log.mu.Lock()
	log.gone[dataplane.RT] = 1
	log.mu.Unlock()
	if got, want := listed(listGaps(t, c)), "RT  5-9, BT c 7-7"; got != want {
		t.Errorf("after the first block is gone: got %q, want %q", got, want)
	}
	if err := c.end(); err != nil {
		t.Error(err)
	}
}

// A real edge that has no room loses its oldest: who subscribes is told of each
// series exactly what never comes, before what does, and /v1/gaps says the same.
func TestGapsOfAFullSpool(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		e := newEdge(t, "edge/m", dataplane.RT, 8<<10)
		e.publish(t, 500)
		stats := e.spool.Stats(dataplane.RT)
		var all, one []string
		var list GapList
		c := startCloud(quiet(t.Context()), t, log, nil)
		s, of := subscribeTo(t, c.Dispatcher(), "#"), subscribeTo(t, c.Dispatcher(), "sensor/1")
		runEdges(t, c, []*edge{e}, func() {
			settle(t, []*edge{e})
			all, one, list = takeLines(t, s), takeLines(t, of), listGaps(t, c)
		})
		if err := c.end(); err != nil {
			t.Error(err)
		}
		lost, gaps := checkLines(t, all)
		if lost != stats.Dropped.Records || lost == 0 {
			t.Errorf("gaps tell of %d records, the edge dropped %d", lost, stats.Dropped.Records)
		}
		if len(list.Gaps) != gaps {
			t.Errorf("%d gaps are listed, %d were told", len(list.Gaps), gaps)
		}
		if values := len(all) - gaps; uint64(values)+lost != 500 {
			t.Errorf("%d values came, %d are lost, of 500", values, lost)
		}
		if lost, gaps := checkLines(t, one); gaps != 1 || uint64(len(one)-gaps)+lost != 167 {
			t.Errorf("of one topic: %d lines, %d gaps, %d lost of 167", len(one), gaps, lost)
		}
	})
}

// checkLines fails unless the sequences of each series go on from one line to
// the next, be it a value or a gap. It returns what was lost, and in how many
// gaps.
func checkLines(t *testing.T, lines []string) (lost uint64, gaps int) {
	t.Helper()
	last := make(map[string]uint64)
	for _, line := range lines {
		var m dataplane.Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		series, from, to := m.Address(), m.Seq, m.Seq
		if loss, is := m.Loss(); is {
			series, from, to = dataplane.Address(loss.Namespace, loss.Topic, loss.Device), loss.From, loss.To
			lost += loss.Count
			gaps++
			if loss.Count != to-from+1 {
				t.Errorf("a gap of %d in %d to %d", loss.Count, from, to)
			}
		}
		if before, known := last[series]; known && from != before+1 {
			t.Errorf("%s: %d follows %d", series, from, before)
		}
		last[series] = to
	}
	return lost, gaps
}

// How an epoch ended is in the log once, whatever is restarted. That nobody
// knows what was lost becomes a gap without an end, told in its place to all, and
// listed, also after a restart.
func TestIngestKeepsEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		c := startCloud(quiet(t.Context()), t, log, nil)
		other := subscribeTo(t, c.Dispatcher(), "other")
		say := func(frames ...dataplane.Frame) {
			t.Helper()
			for _, f := range frames {
				if got := c.say("edge/m", f); len(got) > 0 {
					t.Fatalf("%+v is answered by %+v", f, got[0])
				}
			}
			<-time.After(time.Second)
			c.replies("edge/m")
		}
		session := c.hello(t, "edge/m", dataplane.RT).Session
		end := &dataplane.EpochEnd{Session: session, Lane: dataplane.RT, Epoch: 1, Last: 2, Unknown: true, Reason: "power was lost"}
		say(dataFrame(t, c.packer, session, dataplane.RT, 1, "a", "b"), end, end)
		want := listGaps(t, c)
		if got := listed(want); got != "RT  3-0" || want.Gaps[0].ID.String() != "edge/m/RT/1/3-.1" || want.Gaps[0].Reason != "power was lost" {
			t.Errorf("listed: got %q, %+v", got, want)
		}
		lines := takeLines(t, other)
		var m dataplane.Message
		if len(lines) != 1 || json.Unmarshal([]byte(lines[0]), &m) != nil {
			t.Fatalf("who subscribed to another topic got %q, want the gap", lines)
		}
		if loss, is := m.Loss(); !is || !loss.IsUnknown() || loss.From != 3 {
			t.Errorf("got %+v, want an open gap from 3", loss)
		}
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
		for _, snapshot := range [][]byte{log.snapshot, nil} {
			log.snapshot = snapshot
			c = startCloud(quiet(t.Context()), t, log, nil)
			end.Session = c.hello(t, "edge/m", dataplane.RT).Session
			say(end)
			if got := listGaps(t, c); !reflect.DeepEqual(got, want) {
				t.Errorf("after a restart: got %+v, want %+v", got, want)
			}
			if err := c.end(); err != nil {
				t.Fatal(err)
			}
		}
		ranges := log.ranges(t, dataplane.RT)
		if len(ranges) != 2 || !ranges[1].isEnd() || ranges[1].Last != 2 {
			t.Errorf("the log has %+v, want records 1-2 and their end", ranges)
		}
	})
}
