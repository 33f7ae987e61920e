package modbus_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"datastub/driver"
	"datastub/hack/poll"
)

// A cable is a pair of serial ports that are joined: what is written to one is
// read from the other.
type cable struct {
	here, there string // their paths
	end         func()
}

// plug lays a cable with socat until the test ends.
func plug(t *testing.T) *cable {
	t.Helper()
	folder := t.TempDir()
	c := &cable{here: filepath.Join(folder, "here"), there: filepath.Join(folder, "there")}
	c.plug(t)
	t.Cleanup(func() { c.end() })
	return c
}

// plug lays the cable anew, under the same paths.
func (c *cable) plug(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	const end = "pty,raw,echo=0,link="
	socat := exec.CommandContext(ctx, "socat", end+c.here, end+c.there)
	socat.Stderr = os.Stderr
	if err := socat.Start(); err != nil {
		t.Fatalf("socat: %v", err)
	}
	c.end = func() {
		cancel()
		_ = socat.Wait() // it was killed
		_ = os.Remove(c.here)
		_ = os.Remove(c.there)
	}
	poll.Within(t, 10*time.Second, "socat makes both ports", func() bool {
		_, here := os.Stat(c.here)
		_, there := os.Stat(c.there)
		return here == nil && there == nil
	})
}

// settings are those of a unit at the other end, in KubeEdge's spelling.
func (c *cable) settings(unit int) driver.Settings {
	return driver.Settings{
		"communicateMode": "RTU", "serialName": c.here, "slaveID": unit,
		"baudRate": 19200, "dataBits": "8", "stopBits": 1, "parity": "even", "timeout": 5000,
	}
}
