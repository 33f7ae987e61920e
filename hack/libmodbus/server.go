package libmodbus

import (
	_ "embed" // the source
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"datastub/hack/peer"
)

// What a unit has: so many coils and discrete inputs, so many holding and input
// registers.
const (
	Bits      = 64
	Registers = 200
)

// Coil is what the coil at an address holds until it is written.
func Coil(at int) bool { return at%3 == 0 }

// Discrete is what the discrete input at an address holds.
func Discrete(at int) bool { return at%2 == 1 }

// Holding is what a unit's holding register holds until it is written.
func Holding(unit, at int) int64 { return int64(256*unit + at) }

// Input is what the input register at an address holds.
func Input(at int) int64 { return int64(1000 + at) }

//go:embed src/server.c
var source string

// StartTCP starts a gateway of units 1 to 32, of which some are silent, until the
// test ends, and returns its port.
func StartTCP(t *testing.T, silent ...int) (port string) {
	t.Helper()
	return start(t, "tcp", "0", silent)
}

// StartRTU starts the same on a serial line of 19200 8E1.
func StartRTU(t *testing.T, path string, silent ...int) {
	t.Helper()
	start(t, "rtu", path, silent)
}

// start builds and starts the server, and returns the line that it says when it
// is ready.
func start(t *testing.T, mode, at string, silent []int) string {
	t.Helper()
	args := []string{mode, at}
	for _, unit := range silent {
		args = append(args, strconv.Itoa(unit))
	}
	return peer.Start(t, build(t), args...).Line
}

// build builds the server, and returns its path.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server")
	cc := exec.Command("cc", "-O1", "-Wall", "-Wextra", "-Werror", "-I/usr/include/modbus", "-x", "c", "-", "-o", path, "-lmodbus")
	cc.Stdin = strings.NewReader(source)
	if out, err := cc.CombinedOutput(); err != nil {
		t.Fatalf("build the libmodbus server, which takes gcc and libmodbus-dev: %v\n%s", err, out)
	}
	return path
}
