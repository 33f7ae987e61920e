package natslog

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"k8s.io/klog/v2"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

func TestCrowded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		state      jetstream.StreamState
		maxBytes   int64
		want, last uint64
	}{
		{"empty", jetstream.StreamState{LastSeq: 7, FirstSeq: 8}, 100, 0, 7},
		{"no limit", jetstream.StreamState{Msgs: 10, FirstSeq: 1, LastSeq: 10, Bytes: 100}, -1, 0, 10},
		{"has room", jetstream.StreamState{Msgs: 8, FirstSeq: 1, LastSeq: 8, Bytes: 80}, 100, 0, 8},
		{"full", jetstream.StreamState{Msgs: 10, FirstSeq: 101, LastSeq: 110, Bytes: 100}, 100, 102, 110},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := crowded(&test.state, test.maxBytes, .8); got != test.want {
				t.Errorf("%d, want %d of %d", got, test.want, test.last)
			}
		})
	}
}

func TestDoomed(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	doomed := func(share float64) uint64 {
		t.Helper()
		blocks, err := l.Doomed(t.Context(), dataplane.RT, share)
		if err != nil {
			t.Fatal(err)
		}
		return blocks[0]
	}
	if got := doomed(.8); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
	appendAll(t, l, 1, 4)
	if got := doomed(.8); got != 0 {
		t.Errorf("of what is new: %d", got)
	}
	if got := doomed(1e-12); got != 4 { // of 7 days
		t.Errorf("of what is old: %d, want 4", got)
	}
}

// TestDoomedOnAShelf has shelves with an age and a size of their own beside what
// the stream keeps.
func TestDoomedOnAShelf(t *testing.T) {
	t.Parallel()
	l := open(t, Options{Dir: t.TempDir(), Logger: klog.Background(), Retention: []cloudsvc.RetentionRule{
		rule(t, 10*time.Minute, 0, "trace/#"), rule(t, 0, 1<<20, "big/#"),
	}})
	defer running(t, l)()
	shelves := l.Shelves()
	for n := range 15 { // big/#, of which the limit is 16, has used up 0.8 of it with 13
		put(t, l, shelves[0].ID, fmt.Sprint("trace ", n), 10)
		put(t, l, shelves[1].ID, fmt.Sprint("big ", n), 64<<10)
		put(t, l, shelves[2].ID, fmt.Sprint("rest ", n), 10)
	}
	doomed := func(share float64) map[uint32]uint64 {
		t.Helper()
		blocks, err := l.Doomed(t.Context(), dataplane.RT, share)
		if err != nil {
			t.Fatal(err)
		}
		return blocks
	}
	eventually(t, "big blocks are about to go", func() bool { return len(doomed(.8)) > 0 })
	if got, want := doomed(.8), (map[uint32]uint64{shelves[1].ID: 5}); !maps.Equal(got, want) {
		t.Errorf("at 80 %%: got %v, want %v", got, want)
	}
	eventually(t, "the last trace is older than half a second, and nothing than ten minutes", func() bool {
		got := doomed(1e-3) // of ten minutes, and of 7 days
		_, rest := got[shelves[2].ID]
		return got[shelves[0].ID] == 43 && !rest
	})
}

func TestStored(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	before := time.Now()
	appendAll(t, l, 1, 4)
	if err := l.classes[dataplane.RT].stream.DeleteMsg(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	var times []time.Time
	for seq := range uint64(5) {
		at, err := l.Stored(t.Context(), dataplane.RT, seq+1)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, at)
	}
	if times[0].Before(before) || !times[1].Equal(times[2]) || !times[2].Before(times[3]) || !times[4].IsZero() {
		t.Errorf("%v, want four that rise, the second one as the third, and none", times)
	}
}
