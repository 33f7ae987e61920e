package stack

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"datastub/hack/cable"
	"datastub/hack/peer"
)

// StartPlant starts a Modbus server that we did not write, and returns its
// port. Its holding registers 40 to 59 may be written.
func StartPlant(t *testing.T) (port string) {
	t.Helper()
	return startPlant(t)
}

// StartSerialPlant starts the same server at one end of a serial line, and
// returns the path of the port at the other.
func StartSerialPlant(t *testing.T) (path string) {
	t.Helper()
	c := cable.Lay(t)
	startPlant(t, "--serial", c.There)
	return c.Here
}

func startPlant(t *testing.T, args ...string) (port string) {
	t.Helper()
	server := filepath.Join(root, "driver/modbus/testdata/server.py")
	return peer.Start(t, "/usr/bin/python3", append([]string{server}, args...)...).Line
}

// The tables of a Modbus server, as mbpoll calls them.
const (
	coils   = "0"
	holding = "4"
)

// WriteRegister writes a holding register with a Modbus client that we did not
// write either.
func WriteRegister(t *testing.T, port string, register, value int) {
	t.Helper()
	mbpoll(t, port, holding, register, strconv.Itoa(value))
}

// WriteCoil writes a coil in the same way.
func WriteCoil(t *testing.T, port string, coil, value int) {
	t.Helper()
	mbpoll(t, port, coils, coil, strconv.Itoa(value))
}

// ReadRegister reads a holding register in the same way.
func ReadRegister(t *testing.T, port string, register int) string {
	t.Helper()
	return read(t, port, holding, register)
}

// ReadCoil reads a coil in the same way.
func ReadCoil(t *testing.T, port string, coil int) string {
	t.Helper()
	return read(t, port, coils, coil)
}

func read(t *testing.T, port, table string, at int) string {
	t.Helper()
	out := mbpoll(t, port, table, at)
	_, value, found := strings.Cut(out, fmt.Sprintf("[%d]:", at))
	if !found {
		t.Fatalf("mbpoll reads %d: got %q, want a line with [%d]:", at, out, at)
	}
	return strings.TrimSpace(value)
}

// mbpoll runs mbpoll, which writes values where it is given some.
func mbpoll(t *testing.T, port, table string, at int, values ...string) string {
	t.Helper()
	args := append([]string{"-1", "-0", "-q", "-m", "tcp", "-p", port, "-t", table, "-r", strconv.Itoa(at), "127.0.0.1"}, values...)
	out, err := exec.Command("mbpoll", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("mbpoll %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
