package dmi

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// TestProbe: EdgeCore answers, and registers nobody; who accepts and says
// nothing does not.
func TestProbe(t *testing.T) {
	t.Parallel()
	e := newEdgeCore(t)
	e.start()
	if err := Probe(t.Context(), e.path); err != nil {
		t.Errorf("EdgeCore: %v", err)
	}
	e.mu.Lock()
	if e.count != 0 {
		t.Errorf("it registered %d times", e.count)
	}
	e.mu.Unlock()
	mute := filepath.Join(socketDir(t), "mute.sock")
	listener, err := net.Listen("unix", mute)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, path := range []string{mute, filepath.Join(socketDir(t), "none.sock")} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if err := Probe(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v", path, err)
		}
		cancel()
	}
}
