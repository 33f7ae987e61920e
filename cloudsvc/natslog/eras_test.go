package natslog

import (
	"bytes"
	"testing"
)

func TestEras(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openFolder(t, dir)
	if got, err := l.LoadEras(t.Context()); got != nil || err != nil {
		t.Fatalf("eras of a new log: got %d bytes, %v; want nil", len(got), err)
	}
	for _, size := range []int{100, 30_000, 3} {
		want := randomBytes(size)
		if err := l.SaveEras(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		l.Close()
		l = openFolder(t, dir)
		if got, err := l.LoadEras(t.Context()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes saved: loaded %d bytes, %v", size, len(got), err)
		}
	}
}
