package flock

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// open opens a folder, and closes it when the test ends.
func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestTaken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := open(t, dir), open(t, dir)
	if err := Take(first); err != nil {
		t.Fatal(err)
	}
	if err := Take(second); !errors.Is(err, ErrTaken) {
		t.Errorf("the second takes the lock: got %v, want %v", err, ErrTaken)
	}
	if err := Release(first); err != nil {
		t.Fatal(err)
	}
	if err := Take(second); err != nil {
		t.Errorf("the second takes the lock that was released: %v", err)
	}
}

// TestReleaseWhileForked: a child that has yet to become another program has all
// that its parent had open, and keeps no lock of it.
func TestReleaseWhileForked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ours := open(t, dir)
	if err := Take(ours); err != nil {
		t.Fatal(err)
	}
	child, err := syscall.Dup(int(ours.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(child) }()
	if err := Release(ours); err != nil {
		t.Fatal(err)
	}
	if err := Take(open(t, dir)); err != nil {
		t.Errorf("take the lock that was released: %v", err)
	}
}
