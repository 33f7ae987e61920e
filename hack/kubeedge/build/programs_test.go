package build

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"datastub/dataplane/flock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small is a source with a program that is built in no time.
var small = []source{{path: "example.org/small", version: "v1.0.0", programs: []string{"cmd/small"}}}

// TestCached: what is there is not built.
func TestCached(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	want := filepath.Join(cache, versions(small))
	if err := errors.Join(os.Mkdir(want, 0o755), os.WriteFile(filepath.Join(want, "small"), nil, 0o755)); err != nil {
		t.Fatal(err)
	}
	got, err := makeIn(t.Context(), cache, small, io.Discard)
	if err != nil || got.Folder() != want {
		t.Errorf("got %v, %v, want the programs in %s", got, err, want)
	}
}

// TestBroken: of a build that is broken off nothing is taken for whole, and the
// next may begin.
func TestBroken(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		if _, err := makeIn(ctx, cache, small, io.Discard); !errors.Is(err, context.Canceled) {
			t.Errorf("a build without time: got %v, want %v", err, context.Canceled)
		}
	}
	if left, err := os.ReadDir(cache); err != nil || len(left) != 0 {
		t.Errorf("the cache has %v (%v), want nothing", left, err)
	}
}

// TestOneBuilds: who finds that another builds waits for it, as long as he may.
func TestOneBuilds(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	other, err := os.Open(cache)
	if err != nil {
		t.Fatal(err)
	}
	if err := flock.Take(other); err != nil {
		t.Fatal(err)
	}
	told := &first{said: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := makeIn(ctx, cache, small, told)
		done <- err
	}()
	<-told.said
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if err := flock.Release(other); err != nil {
		t.Error(err)
	}
}

// first is a progress that closes a channel with its first line.
type first struct{ said chan struct{} }

func (f *first) Write(line []byte) (int, error) {
	close(f.said)
	return len(line), nil
}
