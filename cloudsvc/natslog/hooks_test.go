package natslog

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"datastub/cloudsvc"
	"datastub/cloudsvc/window"
)

func TestHooksAreKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openFolder(t, dir)
	for id, record := range map[string]string{"sub_a": "1", "sub_b": "2", "sub_c": "3"} {
		if err := l.SaveHook(t.Context(), id, []byte(record)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.SaveHook(t.Context(), "sub_a", []byte("4")); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"sub_a", "sub_b", "sub_a"} {
		if err := l.SaveWindows(t.Context(), id, bytes.Repeat([]byte(id), window.MaxState/len(id))); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // what is gone can go again
		if err := l.DeleteHook(t.Context(), "sub_b"); err != nil {
			t.Fatal(err)
		}
	}
	for _, record := range []string{"old", "new"} {
		if err := l.SaveCursors(t.Context(), 63, []byte(record)); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	l = openFolder(t, dir)
	hooks, err := l.LoadHooks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for id, record := range hooks {
		got[id] = string(record)
	}
	if want := map[string]string{"sub_a": "4", "sub_c": "3"}; !maps.Equal(got, want) {
		t.Errorf("hooks %v, want %v", got, want)
	}
	cursors, err := l.LoadCursors(t.Context())
	if err != nil || len(cursors) != 1 || string(cursors[0]) != "new" {
		t.Errorf("cursors %q, %v, want the new one", cursors, err)
	}
	windows, err := l.LoadWindows(t.Context())
	if err != nil || len(windows) != 1 || !bytes.HasPrefix(windows["sub_a"], []byte("sub_a")) {
		t.Errorf("windows of %d hooks, %v, want those of sub_a", len(windows), err)
	}
}

func TestDeadLettersAreKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openFolder(t, dir)
	d := cloudsvc.DeadLetter{ID: "edge.1/m/RT/1/1", Subscription: "sub_a", Reason: "answered 400", Last: time.Unix(1, 0), Message: json.RawMessage(`{"value":1}`)}
	again := d
	again.Last = time.Unix(2, 0)
	for _, d := range []cloudsvc.DeadLetter{d, d, again} { // the second is a try that only seemed to fail
		if err := l.Bury(t.Context(), &d); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	l = openFolder(t, dir)
	stream, err := l.js.Stream(t.Context(), deadStream)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for seq := range stream.CachedInfo().State.LastSeq {
		msg, err := stream.GetMsg(t.Context(), seq+1)
		if err != nil {
			t.Fatal(err)
		}
		var kept cloudsvc.DeadLetter
		if err := json.Unmarshal(msg.Data, &kept); err != nil {
			t.Fatal(err)
		}
		reasons = append(reasons, kept.Subscription+" "+kept.ID+" "+kept.Reason)
	}
	if want := slices.Repeat([]string{"sub_a edge.1/m/RT/1/1 answered 400"}, 2); !slices.Equal(reasons, want) {
		t.Errorf("dead letters %q, want %q", reasons, want)
	}
}
