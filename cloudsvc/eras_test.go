package cloudsvc

import (
	"context"
	"slices"
	"testing"

	"datastub/dataplane"
)

func TestErasEnd(t *testing.T) {
	t.Parallel()
	era := func(incarnation, rt, bt uint64) Position { return Position{incarnation, endOf(rt), endOf(bt)} }
	all := eras{era(1, 0, 0), era(2, 50, 9), era(3, 40, 20), era(4, 45, 30)}
	now := era(4, 60, 31)
	for _, test := range []struct {
		incarnation uint64
		want        Position
		known       bool
	}{
		{1, era(4, 40, 9), true}, // the log went back behind where the next one began
		{2, era(4, 40, 20), true},
		{3, era(4, 45, 30), true},
		{4, now, true},
		{5, Position{}, false},
	} {
		if got, known := all.end(test.incarnation, now); got != test.want || known != test.known {
			t.Errorf("%d: got %+v, %v, want %+v, %v", test.incarnation, got, known, test.want, test.known)
		}
	}
}

func TestErasAreBounded(t *testing.T) {
	t.Parallel()
	var all eras
	for n := range uint64(maxEras + 5) {
		all = all.with(Position{Incarnation: n + 1})
	}
	if len(all) != maxEras || all[0].Incarnation != 6 {
		t.Errorf("got %d from %d on, want %d from 6 on", len(all), all[0].Incarnation, maxEras)
	}
}

// TestResumeOnBackup puts a cloudsvc's log back from a backup and goes on: who
// has a position of what is gone is told so, and gets all that came instead,
// though there are as many blocks again.
func TestResumeOnBackup(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	log, backup := newMemoryLog(), newMemoryLog()
	one := startCloud(ctx, t, log, nil)
	publishOne := func(c *cloud, topic string) {
		t.Helper()
		m := dataplane.Message{Topic: topic, Namespace: "default", Device: "d", Class: dataplane.RT, Value: dataplane.IntValue(1), Time: testTime}
		if _, err := c.Publish(ctx, "anonymous", []dataplane.Message{m}); err != nil {
			t.Fatal(err)
		}
	}
	filter, _ := dataplane.ParseFilter("#")
	s, err := one.Dispatcher().SubscribeFrom(ctx, filter, Start{Earliest: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	publishOne(one, "kept")
	kept := follow(ctx, t, s, map[dataplane.Class]int{dataplane.RT: 1}).position
	for class, blocks := range log.blocks {
		backup.blocks[class], backup.times[class] = slices.Clone(blocks), slices.Clone(log.times[class])
	}
	backup.snapshot = log.snapshot
	publishOne(one, "lost")
	publishOne(one, "lost")
	lost := follow(ctx, t, s, map[dataplane.Class]int{dataplane.RT: 2}).position
	if err := one.end(); err != nil {
		t.Fatal(err)
	}

	two := startCloud(ctx, t, backup, nil)
	defer func() { _ = two.end() }()
	for range 4 {
		publishOne(two, "other")
	}
	for _, test := range []struct {
		after Position
		gaps  int
	}{{kept, 0}, {lost, 1}} {
		s, err := two.Dispatcher().SubscribeFrom(ctx, filter, Start{After: test.after})
		if err != nil {
			t.Fatal(err)
		}
		h := follow(ctx, t, s, map[dataplane.Class]int{dataplane.RT: 4})
		s.Close()
		if len(h.gaps) != test.gaps || len(h.ids[dataplane.RT]) != 4 {
			t.Errorf("got %d lines and the gaps %+v, want 4 and %d", len(h.ids[dataplane.RT]), h.gaps, test.gaps)
		}
	}
}
