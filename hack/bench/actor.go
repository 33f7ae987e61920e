package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
)

// maxRemark is the longest line that an actor says.
const maxRemark = 64 << 10

// An actor is a process in a role. It ends with its
// standard input, so it does not outlive the benchmark.
type actor struct {
	role    string // source, sink or plant
	name    string // for people
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	answers chan answer // closed when it has ended

	mu     sync.Mutex
	orders *json.Encoder
}

// startActor starts this program again, in a role; its log is what it has to
// say to people.
func startActor(role string, s setup, log *os.File) (*actor, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	a := &actor{role: role, name: fmt.Sprintf("%s of %s", role, s.Kind), cmd: exec.Command(program, role, s.String()), answers: make(chan answer)}
	a.cmd.Stderr = log
	if a.stdin, err = a.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	a.orders = json.NewEncoder(a.stdin)
	if err := a.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a %s: %w", a.name, err)
	}
	go a.listen(stdout)
	return a, nil
}

// listen passes on what the process says, until it ends.
func (a *actor) listen(stdout io.Reader) {
	defer close(a.answers)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, maxRemark)
	for lines.Scan() {
		var said answer
		if json.Unmarshal(lines.Bytes(), &said) != nil {
			fmt.Fprintf(a.cmd.Stderr, "bench: the %s said %q\n", a.name, lines.Bytes())
			return
		}
		a.answers <- said
	}
}

// tell gives the process an order.
func (a *actor) tell(o order) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.orders.Encode(o); err != nil {
		return fmt.Errorf("tell the %s: %w", a.name, err)
	}
	return nil
}

// stop ends the process.
func (a *actor) stop() error {
	_ = a.stdin.Close()
	for range a.answers { // it may have something left to say
	}
	if err := a.cmd.Wait(); err != nil {
		return fmt.Errorf("the %s ended with: %w", a.name, err)
	}
	return nil
}
