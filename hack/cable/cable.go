// Package cable joins serial ports, for tests of what is on serial lines.
package cable

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"datastub/hack/poll"
)

// A Cable is a pair of serial ports: what is written to one is read from the
// other.
type Cable struct {
	Here, There string // their paths

	pull func()
}

// Lay lays a cable with socat until the test ends, and plugs it in.
func Lay(t *testing.T) *Cable {
	t.Helper()
	folder := t.TempDir()
	c := &Cable{Here: filepath.Join(folder, "here"), There: filepath.Join(folder, "there")}
	c.Plug(t)
	t.Cleanup(func() { c.Pull() })
	return c
}

// Plug plugs the cable in again, under the same paths.
func (c *Cable) Plug(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	const end = "pty,raw,echo=0,link="
	socat := exec.CommandContext(ctx, "socat", end+c.Here, end+c.There)
	socat.Stderr = os.Stderr
	if err := socat.Start(); err != nil {
		t.Fatalf("socat: %v", err)
	}
	c.pull = func() {
		cancel()
		_ = socat.Wait() // it was killed
		_ = os.Remove(c.Here)
		_ = os.Remove(c.There)
	}
	poll.Within(t, 10*time.Second, "socat makes both ports", func() bool {
		_, here := os.Stat(c.Here)
		_, there := os.Stat(c.There)
		return here == nil && there == nil
	})
}

// Pull has both ports be gone.
func (c *Cable) Pull() { c.pull() }
