package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"datastub/hack/process"
)

// bin is the folder with the programs under test, built with the race
// detector.
var bin string

func TestMain(m *testing.M) {
	var err error
	if bin, err = os.MkdirTemp("", "datastub-e2e-"); err != nil {
		panic(err)
	}
	build := exec.Command("go", "build", "-race", "-o", bin,
		"datastub/mapper/cmd/mapper", "datastub/cloudsvc/cmd/cloudsvc", "datastub/cloudsvc/cmd/datastub")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the programs: %v\n%s", err, out)
		os.Exit(1)
	}
	status := m.Run()
	_ = os.RemoveAll(bin)
	os.Exit(status)
}

// stopLimit is the promise: SIGTERM ends each process within 5 s.
const stopLimit = 5 * time.Second

// program is one process, and what it says.
type program struct {
	*process.Process
	t    *testing.T
	name string
	log  *logBuffer
}

// start starts a program from bin. When the test ends it is stopped, and must
// not have panicked or raced.
func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	p := &program{t: t, name: name, log: &logBuffer{}}
	var err error
	p.Process, err = process.Start(process.Options{
		Command: filepath.Join(bin, name), Args: args, Stdout: p.log, Stderr: p.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stop()
		p.checkLog()
	})
	return p
}

// stop sends SIGTERM and fails unless the process ends well, and in time. It
// does nothing where it has ended.
func (p *program) stop() {
	p.t.Helper()
	if err := p.Stop(stopLimit); err != nil {
		p.t.Errorf("%s: %v:\n%s", p.name, err, p.log)
	}
}

func (p *program) checkLog() {
	for _, bad := range []string{"panic:", "DATA RACE", "fatal error:"} {
		if strings.Contains(p.log.String(), bad) {
			p.t.Errorf("%s: %s in the log:\n%s", p.name, bad, p.log)
		}
	}
}

// logBuffer is what a process said. It is safe for concurrent use.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// eventually waits until ok, for at most 30 s.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not in 30 s: %s", what)
		}
	}
}
