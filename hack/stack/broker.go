package stack

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"datastub/hack/process"
)

// A Broker is a mosquitto at a port of its own. It keeps its sessions over a
// SIGTERM.
type Broker struct {
	*process.Process
	Address string // host:port
	Log     Log    // of all its processes

	config string
}

// StartBroker starts a broker, which ends with the test. More are further lines
// of its config, the first ones for its listener.
func StartBroker(t *testing.T, more string) *Broker {
	t.Helper()
	port, folder := FreePort(t), t.TempDir()
	b := &Broker{Address: "127.0.0.1:" + port, config: filepath.Join(folder, "mosquitto.conf")}
	// Where it is root, it stays so: only root may write the test's folder.
	text := fmt.Sprintf("user root\nlistener %s 127.0.0.1\n%s\npersistence true\npersistence_location %s/\nmax_queued_messages 0\n", port, more, folder)
	if err := os.WriteFile(b.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Start(t)
	t.Cleanup(func() { b.Kill() })
	return b
}

// Start starts the broker again and waits until it listens.
func (b *Broker) Start(t *testing.T) {
	t.Helper()
	command, err := exec.LookPath("mosquitto")
	if err != nil {
		command = "/usr/sbin/mosquitto" // not in everybody's PATH
	}
	if b.Process, err = process.Start(process.Options{Command: command, Args: []string{"-c", b.config}, Stderr: &b.Log}); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "mosquitto listens", func() bool {
		conn, err := net.Dial("tcp", b.Address)
		return err == nil && conn.Close() == nil
	})
}
