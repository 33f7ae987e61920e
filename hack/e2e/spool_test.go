package e2e

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"datastub/cloudsvc"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// TestSpoolOutlivesTheMapper kills a mapper again and again while cloudsvc is
// away and values are waiting: when both are back, all of them arrive, once and
// in order.
func TestSpoolOutlivesTheMapper(t *testing.T) {
	s := stack.New(t)
	f := follow(t, s, "#")
	dir := filepath.Join(t.TempDir(), "spool")
	m := s.StartMapper("edge-1", map[string]string{"a.yaml": stack.VirtualDevice("counter-1")},
		fmt.Sprintf("  spool: {dir: %s, maxBytes: 16Mi, sync: 1s}", dir))
	f.more(t, "at the start")
	s.Cloudsvc.Kill()
	for range 3 {
		waiting := spooled(t, m)
		stack.Eventually(t, "values wait", func() bool { return spooled(t, m) >= waiting+40 })
		m.Kill()
		m.Restart()
	}
	s.StartCloudsvc()
	stack.Eventually(t, "nothing waits any more", func() bool { return spooled(t, m) < 5 })
	f.more(t, "after the restarts")
	m.Stop()
	s.Cloudsvc.Stop()
	f.checkOnce(t)
	if runs := readLog(t, s); len(runs) != 8 {
		t.Errorf("lanes and epochs in the log: got %d, want an RT and a BT of four starts: %v", len(runs), runs)
	}
	checkSeries(t, s)
}

// spooled returns how many RT records wait in a mapper's spool.
func spooled(t *testing.T, m *stack.Mapper) int {
	t.Helper()
	n, err := strconv.Atoi(value(scrape(t, m.URL()), `datastub_mapper_spool_records{class="RT"}`))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkSeries fails unless the sequences of each topic follow each other in the
// log without a hole, over all starts: each was accepted, and none is missing.
func checkSeries(t *testing.T, s *stack.Stack) {
	t.Helper()
	last := map[string]uint64{}
	eachFrame(t, s, func(_ dataplane.Class, r cloudsvc.Range, f dataplane.Frame, messages []dataplane.Message) {
		end, ended := f.(*dataplane.EpochEnd)
		if messages == nil && (!ended || end.Unknown) {
			t.Fatalf("the log has %+v of %d-%d: want records and certain ends only", f, r.First, r.Last)
		}
		for _, m := range messages {
			if strings.HasPrefix(m.Topic, dataplane.EventTopic) {
				continue // of a disk that was slow for a moment
			}
			if before, known := last[m.Topic]; known && m.Seq != before+1 {
				t.Errorf("%s: %v has %d behind %d", m.Topic, m.ID, m.Seq, before)
			}
			last[m.Topic] = m.Seq
		}
	})
	if len(last) != 2 {
		t.Errorf("topics in the log: got %v, want two", last)
	}
}
