package modbus_test

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"datastub/driver"
	"datastub/hack/peer"
)

// python is Debian's: python3-pymodbus belongs to it.
const python = "/usr/bin/python3"

// server is a pymodbus server in a process of its own.
type server struct {
	test  *testing.T // it ends with
	port  int
	flags []string
	peer  *peer.Peer
}

// startServer starts testdata/server.py with some flags, and returns when it
// listens. Without pymodbus the test fails: this driver is not tested without a
// real device.
func startServer(t *testing.T, flags ...string) *server {
	t.Helper()
	s := &server{test: t, flags: flags}
	s.start(t)
	return s
}

// start starts it, again on the port that it had.
func (s *server) start(t *testing.T) {
	t.Helper()
	s.peer = peer.Start(s.test, python, append([]string{"testdata/server.py", strconv.Itoa(s.port)}, s.flags...)...)
	var err error
	if s.port, err = strconv.Atoi(s.peer.Line); err != nil {
		t.Fatal(err)
	}
}

// stop ends it.
func (s *server) stop(t *testing.T) {
	t.Helper()
	s.peer.Stop(t)
}

// settings are a device's, as KubeEdge's CRs have them; python may be slow.
func (s *server) settings() driver.Settings {
	return driver.Settings{"communicateMode": "TCP", "ip": "127.0.0.1", "port": strconv.Itoa(s.port), "slaveID": "1", "timeout": "20s"}
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
