package main

import (
	"fmt"
	"testing"

	"datastub/dataplane"
)

func message(device string, epoch, seq uint64) *dataplane.Message {
	return &dataplane.Message{
		ID:        dataplane.ID{Publisher: "edge-1/mapper", Class: dataplane.RT, Epoch: epoch},
		Namespace: "default", Topic: "a", Device: device, Seq: seq,
	}
}

func TestSequences(t *testing.T) {
	s := newSequences()
	for i, step := range []struct {
		device     string
		epoch, seq uint64
		missing    uint64
	}{
		{"d", 7, 100, 0},       // where it begins
		{"d", 7, 101, 0},       //
		{"e", 7, 5, 0},         // another series
		{"d", 7, 104, 2},       //
		{"d", 7, 104, 0},       // again
		{"d", 7, 102, 0},       // late
		{"d", 7, 105, 0},       //
		{"d", 8, 1_000_000, 0}, // a start of the mapper
		{"d", 8, 1_000_002, 1}, //
		{"http", 0, 0, 0},      // no seq
		{"http", 0, 0, 0},
	} {
		if got := s.missing(message(step.device, step.epoch, step.seq)); got != step.missing {
			t.Errorf("step %d: got %d, want %d", i, got, step.missing)
		}
	}
}

// What a gap tells of is not missing; what neither came nor was told of is.
func TestSequencesWithGaps(t *testing.T) {
	s := newSequences()
	gap := func(device string, from, to uint64) *dataplane.Message {
		loss := dataplane.Loss{Publisher: "edge-1/mapper", Topic: "a", Device: device, From: from, To: to, Count: to - from + 1}
		if device == "" {
			loss.Topic = ""
		}
		return &dataplane.Message{
			ID:        dataplane.ID{Publisher: "edge-1/mapper", Class: dataplane.RT, Epoch: 7, Seq: from, Through: to, Line: 1},
			Namespace: "default", Topic: dataplane.GapTopic, Device: device, Value: loss.Value(),
		}
	}
	for i, step := range []struct {
		message *dataplane.Message
		missing uint64
	}{
		{message("d", 7, 100), 0},
		{gap("d", 101, 110), 0},
		{message("d", 7, 111), 0},
		{gap("d", 113, 120), 1},
		{gap("d", 113, 120), 0}, // again
		{gap("d", 118, 122), 0}, // some of it again
		{message("d", 7, 124), 1},
		{gap("e", 1, 5), 0}, // where it begins
		{message("e", 7, 6), 0},
		{gap("", 1, 1000), 0}, // of nobody knows what
		{message("e", 7, 9), 2},
	} {
		if got := s.missing(step.message); got != step.missing {
			t.Errorf("step %d: got %d, want %d", i, got, step.missing)
		}
	}
}

func TestSequencesAreBounded(t *testing.T) {
	s := newSequences()
	for i := range maxSeries + 10 {
		s.missing(message(fmt.Sprint(i), 1, 1))
	}
	if got := len(s.last); got != maxSeries {
		t.Errorf("got %d series, want %d", got, maxSeries)
	}
	if got := s.missing(message("0", 1, 3)); got != 1 {
		t.Errorf("missing of a series that is watched: got %d, want 1", got)
	}
	if got := s.missing(message(fmt.Sprint(maxSeries+1), 1, 3)); got != 0 {
		t.Errorf("missing of one that is not: got %d, want 0", got)
	}
}
