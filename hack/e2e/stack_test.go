package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stack is one cloudsvc and what is around it, on ports and in folders of its
// own.
type stack struct {
	t            *testing.T
	dir          string
	http, uplink string // host:port
	cloudsvc     *program
}

// newStack starts a cloudsvc and waits until it is ready.
func newStack(t *testing.T) *stack {
	t.Helper()
	s := &stack{t: t, dir: t.TempDir(), http: "127.0.0.1:" + freePort(t), uplink: "127.0.0.1:" + freePort(t)}
	s.startCloudsvc()
	return s
}

func (s *stack) data() string { return filepath.Join(s.dir, "data") }
func (s *stack) url() string  { return "http://" + s.http }

func (s *stack) startCloudsvc() {
	s.t.Helper()
	s.cloudsvc = start(s.t, "cloudsvc", "--http", s.http, "--uplink", "tcp://"+s.uplink, "--data", s.data())
	eventually(s.t, "cloudsvc is ready", func() bool {
		if !s.cloudsvc.Running() {
			s.t.Fatalf("cloudsvc ended:\n%s", s.cloudsvc.log)
		}
		resp, err := http.Get(s.url() + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// mapper is a mapper with a folder of devices.
type mapper struct {
	*program
	stack  *stack
	node   string
	folder string
	config string
}

// startMapper starts a mapper on a node, with devices by file name.
func (s *stack) startMapper(node string, devices map[string]string) *mapper {
	s.t.Helper()
	m := &mapper{stack: s, node: node, folder: filepath.Join(s.dir, node, "devices"), config: filepath.Join(s.dir, node, "config.yaml")}
	if err := os.MkdirAll(m.folder, 0o755); err != nil {
		s.t.Fatal(err)
	}
	for name, text := range devices {
		m.write(name, text)
	}
	config := fmt.Sprintf(`
node: %s
common: {name: mapper}
devices: {source: folder, folder: %s}
dataplane:
  registry: http://%s
  uplink: tcp://%s
  lan: ""
  batch: {maxCount: 1000, maxBytes: 256Ki, maxAge: 500ms}
`, node, m.folder, s.http, s.uplink)
	if err := os.WriteFile(m.config, []byte(config), 0o600); err != nil {
		s.t.Fatal(err)
	}
	m.restart()
	return m
}

// restart starts the mapper, again.
func (m *mapper) restart() { m.program = start(m.stack.t, "mapper", "--config-file", m.config) }

// write writes a file of devices, in one step.
func (m *mapper) write(name, text string) {
	m.stack.t.Helper()
	path := filepath.Join(m.folder, name)
	if err := os.WriteFile(path+".tmp", []byte(text), 0o600); err != nil {
		m.stack.t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		m.stack.t.Fatal(err)
	}
}

// startPlant starts a Modbus server that we did not write, and returns its
// port. Its holding registers 40 to 59 may be written.
func startPlant(t *testing.T) (port string) {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", "../../driver/modbus/testdata/server.py")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // it ends with its standard input
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the Modbus server told no port: %v", err)
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	return strings.TrimSpace(line)
}

// writeRegister writes a holding register with a Modbus client that we did
// not write either.
func writeRegister(t *testing.T, port string, register, value int) {
	t.Helper()
	out, err := exec.Command("mbpoll", "-1", "-0", "-q", "-m", "tcp", "-p", port, "-t", "4",
		"-r", fmt.Sprint(register), "127.0.0.1", fmt.Sprint(value)).CombinedOutput()
	if err != nil {
		t.Fatalf("write register %d with mbpoll: %v\n%s", register, err, out)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}
