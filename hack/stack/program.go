package stack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"datastub/hack/process"
)

var (
	bin  string // the folder with the programs under test
	root string // the folder of DataStub's sources
)

// noRaceSleep goes before what GORACE says: else each program sleeps for a
// second before it exits, of the 5 s that it has.
const noRaceSleep = "atexit_sleep_ms=0 "

// Run builds the programs and runs a package's tests, a *testing.M mostly:
// TestMain calls it. It returns the status to exit with.
func Run(tests interface{ Run() int }) int {
	var err error
	if bin, err = os.MkdirTemp("", "datastub-stack-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(bin) }()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		fmt.Fprintf(os.Stderr, "where DataStub's sources are: %v\n", err)
		return 1
	}
	root = strings.TrimSpace(string(dir))
	build := exec.Command("go", "build", "-race", "-o", bin,
		"datastub/mapper/cmd/mapper", "datastub/cloudsvc/cmd/cloudsvc", "datastub/cloudsvc/cmd/datastub")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the programs: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv("GORACE", noRaceSleep+os.Getenv("GORACE")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return tests.Run()
}

// stopLimit is the promise: SIGTERM ends each process within 5 s.
const stopLimit = 5 * time.Second

// A Program is one process, and what it says.
type Program struct {
	*process.Process
	Log *Log

	t    *testing.T
	name string
}

// Start starts a program by its name. When the test ends it is stopped, and
// must not have panicked or raced.
func Start(t *testing.T, name string, args ...string) *Program {
	t.Helper()
	return startUnder(t, nil, name, args...)
}

// startUnder starts a program by way of a command that becomes it.
func startUnder(t *testing.T, under []string, name string, args ...string) *Program {
	t.Helper()
	p := &Program{t: t, name: name, Log: &Log{}}
	line := slices.Concat(under, []string{filepath.Join(bin, name)}, args)
	var err error
	p.Process, err = process.Start(process.Options{
		Command: line[0], Args: line[1:], Stdout: p.Log, Stderr: p.Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		p.checkLog()
	})
	return p
}

// Command returns a program to be run to its end.
func Command(name string, args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(bin, name), args...)
}

// Stop sends SIGTERM and fails the test unless the process ends well, and in
// time. It does nothing where it has ended.
func (p *Program) Stop() {
	p.t.Helper()
	if err := p.Process.Stop(stopLimit); err != nil {
		p.t.Errorf("%s: %v:\n%s", p.name, err, p.Log)
	}
}

func (p *Program) checkLog() {
	for _, bad := range []string{"panic:", "DATA RACE", "fatal error:"} {
		if strings.Contains(p.Log.String(), bad) {
			p.t.Errorf("%s: %s in the log:\n%s", p.name, bad, p.Log)
		}
	}
}

// Memory returns the process's resident set, in bytes.
func (p *Program) Memory() int64 {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.ID()))
	if err != nil {
		p.t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
