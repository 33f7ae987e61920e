package mapper

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestStamp(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "d.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path+".tmp", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".tmp", path); err != nil {
			t.Fatal(err)
		}
	}
	if got := stampOf(path, time.Now()); got != (stamp{}) {
		t.Errorf("no file: got %v, want the zero stamp", got)
	}
	write("a")
	if got := stampOf(path, time.Now()); got != (stamp{}) {
		t.Errorf("just written: got %v, want the zero stamp", got)
	}
	later := time.Now().Add(2 * stampAge)
	first := stampOf(path, later)
	if first == (stamp{}) || first != stampOf(path, later) {
		t.Errorf("long written: got %v, want the same one each time", first)
	}
	write("b")
	if got := stampOf(path, later); got == first || got == (stamp{}) {
		t.Errorf("replaced: got %v, want another one than %v", got, first)
	}
}
