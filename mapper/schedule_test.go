package mapper

import (
	"testing"
	"time"
)

func TestSchedule(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	type step struct {
		now     int // ms after the origin
		due     bool
		skipped uint64
		next    int
	}
	tests := []struct {
		name         string
		first, cycle int // ms
		steps        []step
	}{
		{"from the origin", 0, 100, []step{
			{-1, false, 0, 0},
			{0, true, 0, 100},
			{1, false, 0, 100},
			{100, true, 0, 200},
			{230, true, 0, 300}, // late, but the grid stays
			{300, true, 0, 400},
			{850, true, 4, 900}, // 400 is made now, 500 to 800 never
			{1000, true, 1, 1100},
		}},
		{"from off the grid", 330, 100, []step{
			{300, false, 0, 330},
			{330, true, 0, 400},
			{400, true, 0, 500},
		}},
		{"late from off the grid", 330, 100, []step{{510, true, 2, 600}}},
	}
	for _, test := range tests {
		s := newSchedule(at(test.first), at(test.cycle))
		for _, step := range test.steps {
			due, skipped := s.due(at(step.now))
			if due != step.due || skipped != step.skipped {
				t.Errorf("%s: at %d ms: got due %v, skipped %d; want %v, %d", test.name, step.now, due, skipped, step.due, step.skipped)
			}
			if next, ok := s.at(); !ok || next != at(step.next) {
				t.Errorf("%s: at %d ms: next is %v, want %d ms", test.name, step.now, next, step.next)
			}
		}
	}
}

func TestScheduleOfNothing(t *testing.T) {
	t.Parallel()
	s := newSchedule(0, 0)
	if _, ok := s.at(); ok {
		t.Error("something is due")
	}
	if due, _ := s.due(time.Hour); due {
		t.Error("it is due")
	}
}
