package natslog

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestMarks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openFolder(t, dir)
	if got, err := l.LoadMarks(t.Context()); got != nil || err != nil {
		t.Fatalf("marks of a new log: got %d bytes, %v; want nil", len(got), err)
	}
	// Larger than any message, smaller again, and as large as a part.
	for _, size := range []int{100, 20 << 20, 3, marksPart, marksPart + 1} {
		want := randomBytes(size)
		if err := l.SaveMarks(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		l.Close()
		l = openFolder(t, dir)
		if got, err := l.LoadMarks(t.Context()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes saved: loaded %d bytes, %v", size, len(got), err)
		}
	}
}

// A save that is broken off, here before its last step, leaves the one before.
func TestMarksBrokenOff(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	want := randomBytes(2 * marksPart)
	if err := l.SaveMarks(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	next := markHead{Generation: 1 - l.marks.last.Generation}
	if _, err := l.marks.bucket.Put(t.Context(), next.key(0), []byte("half")); err != nil {
		t.Fatal(err)
	}
	if got, err := l.LoadMarks(t.Context()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("loaded %d bytes, %v; want the %d saved", len(got), err, len(want))
	}
	if err := l.SaveMarks(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if l.marks.last.Generation != next.Generation {
		t.Errorf("saved over the last snapshot's parts: generation %d again", l.marks.last.Generation)
	}
}

// What is not whole is for the caller to find out: it must not stop a start.
func TestMarksSpoiled(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	if err := l.SaveMarks(t.Context(), randomBytes(2*marksPart)); err != nil {
		t.Fatal(err)
	}
	if err := l.marks.bucket.Delete(t.Context(), l.marks.last.key(1)); err != nil {
		t.Fatal(err)
	}
	if got, err := l.LoadMarks(t.Context()); err != nil || len(got) != marksPart {
		t.Errorf("with a part missing: got %d bytes, %v; want the first part", len(got), err)
	}
	if _, err := l.marks.bucket.Put(t.Context(), marksKey, []byte("no JSON")); err != nil {
		t.Fatal(err)
	}
	if got, err := l.LoadMarks(t.Context()); err != nil || got == nil {
		t.Errorf("with a spoiled head: got %q, %v; want anything but nothing", got, err)
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(b)
	return b
}
