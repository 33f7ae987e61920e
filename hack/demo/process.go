package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopTime is how long a process may take to end after SIGTERM; DataStub's
// promise 5 s.
const stopTime = 6 * time.Second

// process is one of the demo's programs, in a process group of its own: Ctrl-C
// reaches only the demo, which then ends them in order.
type process struct {
	name   string
	cmd    *exec.Cmd
	log    string
	stdout io.Reader     // nil where it goes to the screen
	done   chan struct{} // closed when it has ended
	err    error         // how; set before done is closed
}

// startProcess starts a program. It is to be called from the main thread, as
// the kernel ends the program when the thread that started it goes.
func startProcess(name, dir string, screen bool, command string, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(command, args...)
	p.cmd.Stderr = log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	var feed *os.File
	if screen {
		p.cmd.Stdout, p.cmd.Stderr = os.Stdout, os.Stderr
	} else {
		if p.stdout, feed, err = os.Pipe(); err != nil {
			return nil, err
		}
		defer feed.Close()
		p.cmd.Stdout = feed
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// died tells that the process ended by itself, with the end of its log.
func (p *process) died() error {
	content, _ := os.ReadFile(p.log)
	if len(content) > 2000 {
		content = content[len(content)-2000:]
	}
	return fmt.Errorf("%s ended by itself (%v):\n%s", p.name, p.err, content)
}

// stop ends the process.
func (p *process) stop() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTime):
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	return fmt.Errorf("%s did not end within %v of SIGTERM and was killed", p.name, stopTime)
}
