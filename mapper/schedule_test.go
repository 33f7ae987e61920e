package mapper

import (
	"slices"
	"testing"
	"time"
)

func TestSchedule(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	s := newSchedule(start, []time.Duration{100 * time.Millisecond, 250 * time.Millisecond, 0})
	steps := []struct {
		now     int // ms after start
		due     []int
		skipped uint64
		next    int
	}{
		{-1, nil, 0, 0},
		{0, []int{0, 1}, 0, 100},
		{1, nil, 0, 100},
		{100, []int{0}, 0, 200},
		{199, nil, 0, 200},
		{230, []int{0}, 0, 250},    // late, but the grid stays
		{250, []int{1}, 0, 300},    //
		{300, []int{0}, 0, 400},    //
		{850, []int{0, 1}, 5, 900}, // 400 is made now, 500 to 800 and 750 never
		{1000, []int{0, 1}, 1, 1100},
	}
	for _, step := range steps {
		due, skipped := s.due(at(step.now))
		if !slices.Equal(due, step.due) || skipped != step.skipped {
			t.Errorf("at %d ms: got due %v, skipped %d; want %v, %d", step.now, due, skipped, step.due, step.skipped)
		}
		if next, ok := s.at(); !ok || !next.Equal(at(step.next)) {
			t.Errorf("at %d ms: next is %v, want %d ms", step.now, next.Sub(start), step.next)
		}
	}
}

func TestScheduleOfNothing(t *testing.T) {
	t.Parallel()
	s := newSchedule(time.Now(), []time.Duration{0})
	if _, ok := s.at(); ok {
		t.Error("something is due")
	}
}
