// Package peer runs programs that we did not write, or that stand for devices,
// beside tests.
package peer

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A Peer is a program that says one line when it is ready, such as its port, and
// ends with its standard input, so that it never outlives a test that is killed.
type Peer struct {
	Line string // what it said

	cmd   *exec.Cmd
	stdin io.Closer
}

// Start starts a program until the test ends, and returns when it is ready.
func Start(t *testing.T, command string, args ...string) *Peer {
	t.Helper()
	cmd := exec.Command(command, args...)
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
		t.Fatalf("start %s: %v", command, err)
	}
	p := &Peer{cmd: cmd, stdin: stdin}
	t.Cleanup(func() { p.Stop(t) })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("%s %s ends before it is ready: %v", command, strings.Join(args, " "), err)
	}
	p.Line = strings.TrimSpace(line)
	return p
}

// Stop ends the program and waits for its end, which must be a good one.
func (p *Peer) Stop(t *testing.T) {
	t.Helper()
	if p.cmd == nil {
		return
	}
	if err := p.stdin.Close(); err != nil {
		t.Error(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%s: %v", p.cmd.Path, err)
	}
	p.cmd = nil
}
