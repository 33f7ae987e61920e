// Package process starts programs for the demo, the benchmarks and the
// end-to-end tests, and ends them.
package process

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// Options describe a Process.
type Options struct {
	Command        string
	Args           []string
	Stdout, Stderr io.Writer // nil throws away
}

// A Process is a program that runs. It has a process group of its own, so
// that a Ctrl-C on the terminal reaches only the one that started it, and it
// is ended by the kernel if that one dies. (The kernel goes by the thread that
// started it; Go ends no thread before the process, but one that a goroutine
// is locked to.)
type Process struct {
	command string
	cmd     *exec.Cmd
	done    chan struct{}
	err     error // how it ended; set before done is closed
}

// Start starts a program.
func Start(o Options) (*Process, error) {
	p := &Process{command: o.Command, cmd: exec.Command(o.Command, o.Args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = o.Stdout, o.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Command, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running tells whether the process is still there.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Err returns how the process ended, nil if it ended well or has not.
func (p *Process) Err() error {
	if p.Running() {
		return nil
	}
	return p.err
}

// ID returns the process's id.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Stop sends SIGTERM and waits for the end. A process that takes longer than
// the limit is made to print its goroutines, if it is a Go program, and
// killed: that is an error, as is an end that was not well. A process that had
// ended is none.
func (p *Process) Stop(limit time.Duration) error {
	if !p.Running() {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s ended with: %w", p.command, p.err)
		}
		return nil
	case <-time.After(limit):
	}
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.done:
	case <-time.After(limit):
		p.Kill()
	}
	return fmt.Errorf("%s did not end within %v of SIGTERM", p.command, limit)
}

// Kill ends the process by SIGKILL: it can do nothing more, but what it has
// written stays, synced or not.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}
