package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"datastub/cloudsvc"
	"datastub/dataplane"
	"datastub/hack/link"
	"datastub/hack/stack"
)

// A spoolKind is a way in which a mapper keeps what waits, and what it still
// has of what cloudsvc once had.
type spoolKind struct {
	keys   string // of the mapper's config
	starts int    // of the mapper, before cloudsvc loses something: memory does not outlive one
	values int    // by each start
	all    bool   // nothing is lost
}

func spoolKinds(t *testing.T) map[string]spoolKind {
	dir := t.TempDir()
	return map[string]spoolKind{
		"memory":     {`  spool: {dir: "", maxBytes: 16Mi}`, 1, 20, false},
		"disk":       {"  spool: {dir: " + filepath.Join(dir, "disk") + ", maxBytes: 16Mi}", 3, 20, true},
		"small disk": {"  spool: {dir: " + filepath.Join(dir, "small") + ", maxBytes: 64Ki}", 2, 300, false},
	}
}

// A restored is a mapper that was told that cloudsvc has all, and a cloudsvc
// that is to lose some of that.
type restored struct {
	t      *testing.T
	stack  *stack.Stack
	link   *link.Link
	mapper *stack.Mapper
	follow *follower
	kind   spoolKind
}

func newRestored(t *testing.T, kind spoolKind) *restored {
	t.Helper()
	s := stack.New(t)
	r := &restored{t: t, stack: s, link: s.StartLink(link.Options{}), follow: follow(t, s, "#"), kind: kind}
	r.mapper = s.StartMapper("edge-1", map[string]string{"a.yaml": stack.VirtualDevice("counter-1")}, kind.keys)
	r.more("at the start")
	return r
}

// more waits for more values of each class.
func (r *restored) more(when string) {
	r.t.Helper()
	count := func(class dataplane.Class) (n int) {
		for _, m := range r.follow.messages() {
			if m.Class == class && !m.ID.IsGap() {
				n++
			}
		}
		return n
	}
	for _, class := range dataplane.Classes {
		want := count(class) + r.kind.values/2
		stack.Eventually(r.t, "more of "+class.String()+" "+when, func() bool { return count(class) >= want })
	}
}

// live has the mapper publish, by all of its starts, and waits until it was
// told that hardly anything of that is not in the cloud.
func (r *restored) live() {
	r.t.Helper()
	r.more("by this start of the mapper")
	for range r.kind.starts - 1 {
		r.mapper.Stop()
		r.mapper.Restart()
		r.more("by the next start of the mapper")
	}
	stack.Eventually(r.t, "hardly anything waits", func() bool { return spooled(r.t, r.mapper) < 5 })
}

// change changes cloudsvc's folder while it is stopped. The mapper gets through
// to it when there is a subscriber again, who would else miss what is told.
func (r *restored) change(folder func() error) {
	r.t.Helper()
	r.link.Cut()
	r.stack.Cloudsvc.Stop()
	if err := folder(); err != nil {
		r.t.Fatal(err)
	}
	r.stack.StartCloudsvc()
	r.follow = follow(r.t, r.stack, "#")
	r.link.Mend()
}

// verify ends all, and fails unless the log has each record once and in order,
// with gaps where the mapper has it no more, which subscribers were told of.
func (r *restored) verify() {
	r.t.Helper()
	r.more("when cloudsvc is back")
	r.mapper.Stop()
	listed := listGaps(r.t, r.stack).Gaps
	told := func() (n int) {
		for _, m := range r.follow.messages() {
			if m.ID.IsGap() {
				n++
			}
		}
		return n
	}
	stack.Eventually(r.t, "subscribers are told of each gap", func() bool { return told() == len(listed) })
	r.stack.Cloudsvc.Stop()
	readLog(r.t, r.stack)
	lanes := readLanes(r.t, r.stack)
	lost := uint64(0)
	for class, lane := range lanes {
		lost += lane.lost
		r.t.Logf("%v: %d values, %d lost", class, lane.values, lane.lost)
	}
	if len(lanes) != 2 || (lost == 0) != r.kind.all {
		r.t.Errorf("%d lanes, %d records lost: want 2, and none lost: %v", len(lanes), lost, r.kind.all)
	}
	for _, g := range listed {
		lost -= g.Count
	}
	if lost != 0 {
		r.t.Errorf("the log has %d lost records more than are listed: %+v", lost, listed)
	}
}

// A laneLog is what the log has of a lane of one topic, and lacks, events of the
// device aside.
type laneLog struct {
	values, lost uint64
	next         uint64 // in the topic's series; 0: nothing came yet
}

// readLanes reads the log of a cloudsvc that has stopped, and fails unless the
// topic of each lane goes on from record to record, gaps included.
func readLanes(t *testing.T, s *stack.Stack) map[dataplane.Class]*laneLog {
	t.Helper()
	lanes := make(map[dataplane.Class]*laneLog)
	eachFrame(t, s, func(class dataplane.Class, r cloudsvc.Range, frame dataplane.Frame, messages []dataplane.Message) {
		lane := lanes[class]
		if lane == nil {
			lane = &laneLog{}
			lanes[class] = lane
		}
		if messages == nil {
			lane.lose(r.Last-r.First+1, eventsOf(frame))
		}
		for i := range messages {
			if !isEvent(messages[i].Topic) {
				lane.add(t, &messages[i])
			}
		}
	})
	return lanes
}

// lose notes that records were lost, of which some are events.
func (l *laneLog) lose(n, events uint64) {
	l.lost += n
	if l.next != 0 {
		l.next += n - events
	}
}

func isEvent(topic string) bool { return strings.HasPrefix(topic, dataplane.EventTopic+"/") }

// eventsOf returns how many of the records that a gap stands for are events. One
// that does not name its series, of RT and from the beginning of an epoch, has
// that of the device's start.
func eventsOf(frame dataplane.Frame) (n uint64) {
	gap, is := frame.(*dataplane.Gap)
	switch {
	case !is:
		return 0
	case len(gap.Series) == 0 && gap.Lane == dataplane.RT && gap.From == 1:
		return 1
	}
	for i := range gap.Series {
		if isEvent(gap.Series[i].Topic) {
			n += gap.Series[i].Count
		}
	}
	return n
}

func (l *laneLog) add(t *testing.T, m *dataplane.Message) {
	t.Helper()
	if l.next != 0 && m.Seq != l.next {
		t.Errorf("%v is %d of its series: want %d", m.ID, m.Seq, l.next)
	}
	l.values++
	l.next = m.Seq + 1
}

// TestCloudFromAnOldBackup puts an old copy of cloudsvc's folder in the place of
// the new one: what publishers were told is stored is not there.
func TestCloudFromAnOldBackup(t *testing.T) {
	t.Parallel()
	for name, kind := range spoolKinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRestored(t, kind)
			data, backup := r.stack.Data(), filepath.Join(t.TempDir(), "backup")
			r.change(func() error { return os.CopyFS(backup, os.DirFS(data)) })
			r.live()
			r.change(func() error { return errors.Join(os.RemoveAll(data), os.Rename(backup, data)) })
			r.verify()
		})
	}
}

// TestCloudWithoutItsLog removes all that cloudsvc has while a mapper goes on.
func TestCloudWithoutItsLog(t *testing.T) {
	t.Parallel()
	for name, kind := range spoolKinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRestored(t, kind)
			r.live()
			r.change(func() error { return os.RemoveAll(r.stack.Data()) })
			r.verify()
		})
	}
}
