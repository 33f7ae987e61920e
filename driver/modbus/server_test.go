package modbus_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"datastub/driver"
)

// python is Debian's: python3-pymodbus belongs to it.
const python = "/usr/bin/python3"

// server is a pymodbus server in a process of its own.
type server struct {
	port  int
	flags []string
	cmd   *exec.Cmd
	stdin io.Closer
}

// startServer starts testdata/server.py with some flags, and returns when it
// listens. Without pymodbus the test fails: this driver is not tested without a
// real device.
func startServer(t *testing.T, flags ...string) *server {
	t.Helper()
	s := &server{flags: flags}
	s.start(t)
	t.Cleanup(func() { s.stop(t) })
	return s
}

func (s *server) start(t *testing.T) {
	t.Helper()
	cmd := exec.Command(python, append([]string{"testdata/server.py", strconv.Itoa(s.port)}, s.flags...)...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the Modbus server: %v", err)
	}
	s.cmd, s.stdin = cmd, stdin
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		s.stop(t)
		t.Fatalf("the Modbus server (%s with python3-pymodbus) says no port: %v", python, err)
	}
	if s.port, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatal(err)
	}
}

// stop ends the process and waits for its end.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	if err := s.stdin.Close(); err != nil {
		t.Error(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("Modbus server: %v", err)
	}
	s.cmd = nil
}

// settings are a device's, as KubeEdge's CRs have them.
func (s *server) settings() driver.Settings {
	return driver.Settings{"communicateMode": "TCP", "ip": "127.0.0.1", "port": strconv.Itoa(s.port), "slaveID": "1"}
}

// mbpoll runs mbpoll at the server.
func (s *server) mbpoll(t *testing.T, args ...string) map[int]string {
	t.Helper()
	return mbpoll(t, append([]string{"-p", strconv.Itoa(s.port)}, args...)...)
}

// mbpoll runs mbpoll and returns the values it prints, by reference.
func mbpoll(t *testing.T, args ...string) map[int]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	args = append([]string{"-1", "-0", "-B"}, args...)
	out, err := exec.CommandContext(ctx, "mbpoll", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("mbpoll %v: %v\n%s", args, err, out)
	}
	values := map[int]string{}
	for line := range strings.Lines(string(out)) {
		var reference int
		var value string
		if n, _ := fmt.Sscanf(line, "[%d]: %s", &reference, &value); n == 2 {
			values[reference] = value
		}
	}
	return values
}
