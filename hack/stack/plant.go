package stack

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// StartPlant starts a Modbus server that we did not write, and returns its
// port. Its holding registers 40 to 59 may be written.
func StartPlant(t *testing.T) (port string) {
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

// WriteRegister writes a holding register with a Modbus client that we did
// not write either.
func WriteRegister(t *testing.T, port string, register, value int) {
	t.Helper()
	out, err := exec.Command("mbpoll", "-1", "-0", "-q", "-m", "tcp", "-p", port, "-t", "4",
		"-r", fmt.Sprint(register), "127.0.0.1", fmt.Sprint(value)).CombinedOutput()
	if err != nil {
		t.Fatalf("write register %d with mbpoll: %v\n%s", register, err, out)
	}
}
