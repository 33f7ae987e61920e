package main

import (
	"testing"
	"time"
)

// TestDay holds a day's messages to what a node with that many devices makes.
func TestDay(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	d := newDay(begin)
	if backlogCount != 8_640_000 || backlogRate != 100 || len(d.messages) != backlogDevices*backlogProperties {
		t.Errorf("a day of %d messages, %v a second, %d a cycle", backlogCount, backlogRate, len(d.messages))
	}
	for cycle := range 3 {
		series := make(map[string]bool)
		for _, m := range d.next() {
			if err := m.Validate(); err != nil {
				t.Fatal(err)
			}
			series[m.Address()] = true
			if read := m.Time.Sub(begin) - time.Duration(cycle)*backlogCycle; read < 0 || read >= backlogCycle {
				t.Errorf("cycle %d has a value of %v", cycle, m.Time)
			}
		}
		if len(series) != len(d.messages) {
			t.Errorf("cycle %d has %d series, want %d", cycle, len(series), len(d.messages))
		}
	}
}
