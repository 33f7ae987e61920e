package cloudsvc

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

const day = 24 * time.Hour

// testRules are those of a round: each has others than the one before.
func testRules(t testing.TB, round int) []RetentionRule {
	t.Helper()
	alarms, traces := RetentionRule{Topics: filtersOf(t, "alarm/#"), MaxAge: 30 * day}, RetentionRule{Topics: filtersOf(t, "trace/#", "+/1"), MaxAge: time.Hour}
	return [][]RetentionRule{{alarms, traces}, {traces, alarms}, {traces}, nil}[round%4]
}

func filtersOf(t testing.TB, texts ...string) (all []dataplane.Filter) {
	t.Helper()
	for _, text := range texts {
		f, err := dataplane.ParseFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// checkShelves checks that each block is on a shelf that keeps what is in it for
// as long as each of its topics was promised, at least, and that its trail tells
// of all blocks before it.
func (l *memoryLog) checkShelves(t testing.TB, shelves []Shelf) {
	t.Helper()
	byID := make(map[uint32]*Shelf)
	for i := range shelves {
		byID[shelves[i].ID] = &shelves[i]
	}
	byID[anyTopic] = &Shelf{MaxAge: 1}
	packer, used := newTestPacker(t), make(map[uint32]int)
	for _, class := range dataplane.Classes {
		var before trail
		for n, raw := range l.all(class) {
			p := newPastBlock(uint64(n+1), time.Now(), raw)
			b, err := p.unpack(packer)
			if err != nil {
				t.Fatal(err)
			}
			used[p.block.Shelf]++
			for i := range b.messages {
				topic := b.messages[i].Topic
				if !slices.ContainsFunc(p.block.Shelves, func(id uint32) bool { return byID[id].mayHold(filtersOf(t, topic)[0]) }) {
					t.Errorf("%v block %d tells of the shelves %v, and has %s", class, n+1, p.block.Shelves, topic)
				}
			}
			for _, id := range p.block.Shelves {
				if byID[id].keepsLonger(byID[p.block.Shelf]) {
					t.Errorf("%v block %d is on shelf %d, and %d keeps longer", class, n+1, p.block.Shelf, id)
				}
			}
			if n == 0 {
				before = trail{since: 1}
			}
			if !reflect.DeepEqual(p.block.Before, before) {
				t.Errorf("%v block %d: the trail is %+v, want %+v", class, n+1, p.block.Before, before)
			}
			before = before.with(uint64(n+1), p.block.Shelf, p.block.Shelves)
		}
	}
	if len(used) < 4 {
		t.Errorf("shelves used: got %v, want 4 or more", used)
	}
}

func TestShelves(t *testing.T) {
	t.Parallel()
	other := RetentionRule{MaxAge: 7 * day, MaxBytes: 1 << 30}
	alarms := RetentionRule{Topics: filtersOf(t, "alarm/#", "$events/#"), MaxAge: 30 * day}
	traces := RetentionRule{Topics: filtersOf(t, "trace/#"), MaxBytes: 1 << 20}
	ones := RetentionRule{Topics: filtersOf(t, "+/1"), MaxAge: time.Hour}
	all := RetentionRule{Topics: filtersOf(t, "#"), MaxAge: 2 * day}
	first := []Shelf{{MaxAge: 7 * day, MaxBytes: 1 << 30}}
	for name, tt := range map[string]struct {
		rules []RetentionRule
		had   []Shelf
		want  []Shelf
	}{
		"no rules":             {nil, first, first},
		"no rules, empty":      {nil, nil, []Shelf{{ID: 9, MaxAge: 7 * day, MaxBytes: 1 << 30}}},
		"other limits for all": {[]RetentionRule{all}, first, []Shelf{{MaxAge: 2 * day, MaxBytes: 1 << 30}}},
		"rules": {[]RetentionRule{alarms, traces, ones, all}, first, []Shelf{
			{ID: 9, Topics: alarms.Topics, MaxAge: 30 * day, MaxBytes: 1 << 30},
			{ID: 10, Topics: traces.Topics, MaxAge: 2 * day, MaxBytes: 1 << 20},
			{ID: 11, Topics: ones.Topics, Except: filtersOf(t, "alarm/#", "trace/#"), MaxAge: time.Hour, MaxBytes: 1 << 30},
			{ID: 12, Except: filtersOf(t, "alarm/#", "$events/#", "trace/#", "+/1"), MaxAge: 2 * day, MaxBytes: 1 << 30},
			{ID: 0, MaxAge: 7 * day, MaxBytes: 1 << 30, Retired: true},
		}},
		"the same rules with other limits": {[]RetentionRule{{Topics: alarms.Topics, MaxBytes: 5}},
			[]Shelf{{ID: 3, Topics: alarms.Topics, MaxAge: day, Retired: true}, {ID: 4, Except: alarms.Topics, MaxAge: day}},
			[]Shelf{{ID: 3, Topics: alarms.Topics, MaxAge: 7 * day, MaxBytes: 5}, {ID: 4, Except: alarms.Topics, MaxAge: 7 * day, MaxBytes: 1 << 30}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Shelves(tt.rules, other, tt.had, 9); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// TestShelfHolds has subscribers ask whether there may be something for them.
func TestShelfHolds(t *testing.T) {
	t.Parallel()
	s := Shelf{Topics: filtersOf(t, "trace/#"), Except: filtersOf(t, "+/1")}
	rest := Shelf{Except: filtersOf(t, "trace/#", "alarm/#")}
	for filter, want := range map[string][2]bool{
		"#": {true, true}, "trace/2": {true, false}, "trace/1": {false, false}, "trace/+": {true, false}, "+/1": {false, true},
		"alarm/1": {false, false}, "$events/#": {false, true}, "+/+": {true, true},
	} {
		f := filtersOf(t, filter)[0]
		if got := [2]bool{s.mayHold(f), rest.mayHold(f)}; got != want {
			t.Errorf("%s: got %v, want %v", filter, got, want)
		}
	}
}

// TestPlacement puts entries on shelves: those of several go where they are kept
// longest.
func TestPlacement(t *testing.T) {
	t.Parallel()
	shelves := Shelves([]RetentionRule{
		{Topics: filtersOf(t, "trace/#"), MaxAge: time.Hour}, {Topics: filtersOf(t, "alarm/#"), MaxAge: 30 * day}, {Topics: filtersOf(t, "big/#"), MaxAge: 7 * day, MaxBytes: 1 << 40},
	}, RetentionRule{MaxAge: 7 * day, MaxBytes: 1 << 30}, nil, 1)
	gap := func(topics ...string) entry {
		g := &dataplane.Gap{}
		for _, topic := range topics {
			g.Series = append(g.Series, dataplane.SeriesRange{Topic: topic})
		}
		return entry{Accepted: &uplink.Accepted{Gap: g}}
	}
	for name, tt := range map[string]struct {
		entry  entry
		shelf  uint32
		topics []uint32
	}{
		"one":                     {testEntry(1, "trace/1", "trace/2"), 1, []uint32{1}},
		"of no rule":              {testEntry(1, "a"), 4, []uint32{4}},
		"longest":                 {testEntry(1, "trace/1", "alarm/1", "a"), 2, []uint32{1, 2, 4}},
		"largest of an age":       {testEntry(1, "trace/1", "a", "big/1"), 3, []uint32{1, 3, 4}},
		"gap":                     {gap("trace/1", "a"), 4, []uint32{1, 4}},
		"gap of unknown series":   {gap(), 2, []uint32{anyTopic}},
		"end of an epoch":         {entry{Accepted: &uplink.Accepted{End: &dataplane.EpochEnd{}}}, 2, nil},
		"unknown end of an epoch": {entry{Accepted: &uplink.Accepted{End: &dataplane.EpochEnd{Unknown: true}}}, 2, []uint32{anyTopic}},
	} {
		s := newShelver(shelves)
		for range 2 { // from memory, too
			p := s.place(tt.entry.Accepted)
			if shelf, topics := s.shelves[p.shelf].ID, s.ids(p); shelf != tt.shelf || !slices.Equal(topics, tt.topics) {
				t.Errorf("%s: got shelf %d with %v, want %d with %v", name, shelf, topics, tt.shelf, tt.topics)
			}
		}
	}
}

// TestWithout takes elements out of the front of a queue.
func TestWithout(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		gone []int
		want string
	}{{[]int{0}, "[1 2 3 4 5]"}, {[]int{0, 1, 2}, "[3 4 5]"}, {[]int{0, 2, 3}, "[1 4 5]"}, {[]int{0, 5}, "[1 2 3 4]"}, {[]int{0, 1, 2, 3, 4, 5}, "[]"}, {[]int{3}, "[0 1 2 4 5]"}} {
		if got := fmt.Sprint(without([]int{0, 1, 2, 3, 4, 5}, tt.gone)); got != tt.want {
			t.Errorf("without %v: got %s, want %s", tt.gone, got, tt.want)
		}
	}
}

// TestHolesOfShelves subscribes to a log of two shelves in turn, one of which has
// let go of its first blocks: only who subscribes to its topics is told, once.
func TestHolesOfShelves(t *testing.T) {
	t.Parallel()
	const blocks, gone = 40, 21 // blocks of each in turn, traces first; those up to the last one gone, but for the first of all
	shelves := Shelves([]RetentionRule{{Topics: filtersOf(t, "trace/#"), MaxAge: time.Hour}}, RetentionRule{}, nil, 1)
	for name, tt := range map[string]struct {
		filter string
		taken  uint64 // which shelf has holes
		upTo   uint64
		gaps   int
		lines  int // that are left, and one that is published in the end
	}{
		"of the other":           {"a", 1, gone, 0, 21},
		"its own":                {"trace/+", 1, gone, 1, 11},
		"all":                    {"#", 1, gone, 1, 32},
		"gaps":                   {"$events/#", 1, gone, 1, 0},
		"its own, to the end":    {"trace/+", 1, blocks, 1, 2},
		"the other, to the end":  {"a", 1, blocks, 0, 21},
		"the rest, to the end":   {"a", 0, blocks, 1, 1},
		"traces beside the rest": {"trace/+", 0, blocks, 0, 21},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := newMemoryLog()
			c := startCloud(quiet(t.Context()), t, log, func(o *IngestOptions) { o.Shelves = shelves })
			for n := range blocks {
				topic := [...]string{"trace/1", "a"}[n%2]
				if _, err := c.Publish(t.Context(), "me", []dataplane.Message{testMessage(topic)}); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.end(); err != nil {
				t.Fatal(err)
			}
			log.trimmed = func(_ dataplane.Class, block uint64) bool {
				return block > 1 && block%2 == tt.taken && block <= tt.upTo
			}
			c = startCloud(quiet(t.Context()), t, log, func(o *IngestOptions) { o.Shelves = shelves })
			defer func() { _ = c.end() }()
			s, err := c.Dispatcher().SubscribeFrom(t.Context(), filtersOf(t, tt.filter)[0], Start{Earliest: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, err := c.Publish(t.Context(), "me", []dataplane.Message{testMessage("trace/last"), testMessage("a")}); err != nil {
				t.Fatal(err)
			}
			h := &had{ids: make(map[dataplane.Class][]string)}
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			for class := testMessage("a").Class; len(h.ids[class]) < tt.lines || len(h.gaps) < tt.gaps; {
				queue, err := s.Next(ctx)
				if err != nil {
					t.Fatal(err)
				}
				h.take(t, queue)
			}
			if len(h.gaps) != tt.gaps {
				t.Errorf("got the gaps %+v, want %d", h.gaps, tt.gaps)
			}
		})
	}
}

// TestHolesUnknown is a log whose blocks were written before there were shelves:
// where some are gone, everybody is told.
func TestHolesUnknown(t *testing.T) {
	t.Parallel()
	d := dispatcherOn(newMemoryLog(), Position{Incarnation: 7}, prometheus.NewRegistry())
	f := feed{dispatcher: d, filter: filtersOf(t, "a")[0]}
	for n := range 2 {
		if !f.misses(dataplane.RT, uint64(n), trail{}) {
			t.Error("it is not told where nothing is known")
		}
	}
	known := trail{since: 5}.with(8, 1, []uint32{1})
	for from, want := range map[uint64]bool{4: true, 5: true, 8: true, 9: false} {
		f.missed[dataplane.RT] = nil
		if got := f.misses(dataplane.RT, from, known); got != want { // no shelf is known: it may have held anything
			t.Errorf("from %d: told: %v, want %v", from, got, want)
		}
	}
}

// TestTrailForgets has a trail of ever new shelves.
func TestTrailForgets(t *testing.T) {
	t.Parallel()
	tr := trail{since: 1}
	for n := range uint64(maxTrail + 10) {
		tr = tr.with(n+1, uint32(n), []uint32{uint32(n)})
	}
	if len(tr.marks) != maxTrail || tr.since != 11 {
		t.Errorf("got %d marks since %d, want %d since 11", len(tr.marks), tr.since, maxTrail)
	}
}
