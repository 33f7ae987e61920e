package cloudsvc

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
)

// testGap is of a series that lost records from to to, n seconds after
// testTime.
func testGap(publisher string, class dataplane.Class, topic string, from, to uint64, n int) Gap {
	return Gap{
		ID: dataplane.ID{Publisher: publisher, Class: class, Epoch: 1, Seq: from, Through: to, Line: 1},
		Loss: dataplane.Loss{
			Publisher: publisher, Namespace: "default", Topic: topic, Device: "d", From: from, To: to, Count: to - from + 1, Reason: "full",
		},
		Time: testTime.Add(time.Duration(n) * time.Second),
	}
}

// listed writes a list in brief.
func listed(l GapList) string {
	var all []string
	for _, g := range l.Gaps {
		all = append(all, fmt.Sprintf("%v %s %d-%d", g.ID.Class, g.Topic, g.From, g.To))
	}
	text := strings.Join(all, ", ")
	if l.More > 0 {
		text += fmt.Sprintf(" and %d more", l.More)
	}
	if !l.Complete {
		text += ", not complete"
	}
	return text
}

func mustFilter(t *testing.T, text string) dataplane.Filter {
	t.Helper()
	f, err := dataplane.ParseFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func testIndex() *gapIndex {
	x := &gapIndex{}
	x.add(1, testGap("edge-1/m", dataplane.RT, "a", 1, 2, 1))
	x.add(2, testGap("edge-2/m", dataplane.RT, "b/c", 3, 3, 4))
	x.add(2, testGap("edge-2/m", dataplane.RT, "", 4, 9, 4))
	x.add(1, testGap("edge-1/m", dataplane.BT, "a", 5, 6, 2)) // the classes are replayed one after the other
	x.add(7, testGap("edge-1/m", dataplane.BT, "$events/node", 7, 8, 5))
	return x
}

func TestGapIndexFind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		query GapQuery
		want  string
	}{
		{"all", GapQuery{Limit: 10}, "BT $events/node 7-8, RT  4-9, RT b/c 3-3, BT a 5-6, RT a 1-2"},
		{"some", GapQuery{Limit: 2}, "BT $events/node 7-8, RT  4-9 and 3 more"},
		{"a topic", GapQuery{Filter: mustFilter(t, "a"), Limit: 10}, "RT  4-9, BT a 5-6, RT a 1-2"},
		{"a filter", GapQuery{Filter: mustFilter(t, "b/#"), Limit: 10}, "RT  4-9, RT b/c 3-3"},
		{"everything but events", GapQuery{Filter: mustFilter(t, "#"), Limit: 10}, "RT  4-9, RT b/c 3-3, BT a 5-6, RT a 1-2"},
		{"gaps", GapQuery{Filter: mustFilter(t, "$events/gap"), Limit: 10}, "BT $events/node 7-8, RT  4-9, RT b/c 3-3, BT a 5-6, RT a 1-2"},
		{"a publisher", GapQuery{Publisher: "edge-2/m", Limit: 10}, "RT  4-9, RT b/c 3-3"},
		{"since", GapQuery{Since: testTime.Add(4 * time.Second), Limit: 10}, "BT $events/node 7-8, RT  4-9, RT b/c 3-3"},
		{"all together", GapQuery{Filter: mustFilter(t, "a"), Publisher: "edge-1/m", Since: testTime.Add(2 * time.Second), Limit: 1}, "BT a 5-6"},
		{"none", GapQuery{Publisher: "edge-3/m", Limit: 10}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := listed(testIndex().find(tt.query)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// What the log has no more is not listed.
func TestGapIndexTrim(t *testing.T) {
	t.Parallel()
	x := testIndex()
	x.trim(dataplane.RT, 2)
	x.trim(dataplane.BT, 1)
	if got, want := listed(x.find(GapQuery{Limit: 10})), "BT $events/node 7-8, RT  4-9, RT b/c 3-3, BT a 5-6"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	x.forget(dataplane.BT)
	x.trim(dataplane.RT, 3)
	if got := listed(x.find(GapQuery{Limit: 10})); got != "" || x.bytes != 0 {
		t.Errorf("got %q and %d bytes, want nothing", got, x.bytes)
	}
}

// The index is bounded, counts what it forgets, and says so until the log has
// let go of that, too.
func TestGapIndexIsBounded(t *testing.T) {
	t.Parallel()
	x := &gapIndex{}
	forgotten, added := 0, 3*maxGapBytes/gapRoom
	for n := range added {
		forgotten += x.add(uint64(n+1), testGap("edge-1/m", dataplane.Classes[n%2], "a", uint64(n+1), uint64(n+1), n))
	}
	if len(x.kept)+forgotten != added || x.bytes > maxGapBytes || x.bytes < maxGapBytes/2 {
		t.Errorf("%d kept in %d bytes, %d forgotten, of %d", len(x.kept), x.bytes, forgotten, added)
	}
	if last := x.kept[len(x.kept)-1].ID.Seq; last != uint64(added) {
		t.Errorf("the last is %d, want %d: the oldest are forgotten", last, added)
	}
	for _, step := range []struct {
		first    uint64
		complete bool
	}{{uint64(forgotten), false}, {uint64(forgotten + 1), true}} {
		for _, c := range dataplane.Classes {
			x.trim(c, step.first)
		}
		if got := x.find(GapQuery{Limit: 1}).Complete; got != step.complete {
			t.Errorf("complete with a log from block %d on, %d being forgotten: got %t, want %t", step.first, forgotten, got, step.complete)
		}
	}
	if got := len(x.kept); got != added-forgotten {
		t.Errorf("%d kept, want %d", got, added-forgotten)
	}
}
