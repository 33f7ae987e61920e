package natslog

import (
	"bytes"
	"maps"
	"testing"

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
	if err != nil || len(cursors) != 1 || string(cursors[63]) != "new" {
		t.Errorf("cursors of %d partitions, %v, want the new one", len(cursors), err)
	}
	windows, err := l.LoadWindows(t.Context())
	if err != nil || len(windows) != 1 || !bytes.HasPrefix(windows["sub_a"], []byte("sub_a")) {
		t.Errorf("windows of %d hooks, %v, want those of sub_a", len(windows), err)
	}
}
