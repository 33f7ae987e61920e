package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"datastub/hack/process"
)

const (
	// readyTime bounds how long a program may take to be there.
	readyTime = 20 * time.Second
	readyStep = 50 * time.Millisecond
	// shownLines is how much of the programs' log is shown.
	shownLines = 40
	// stopTime is what a program that is told to stop may take.
	stopTime = 5 * time.Second
)

// klogInfo begins a line of klog's of level info: I, month, day.
var klogInfo = regexp.MustCompile(`^I\d{4} `)

// programs are those between sources and sinks, on ports and in folders of
// their own.
type programs struct {
	dir string
	log *os.File // what they all say
	cloud
	mqtt      string // mosquitto's URL
	mosquitto *process.Process
}

func startPrograms(ctx context.Context) (_ *programs, err error) {
	p := &programs{}
	defer func() {
		if err != nil {
			p.showLog(os.Stderr)
			err = errors.Join(err, p.stop())
		}
	}()
	// Below bin, and so on a disk: /tmp is memory on many a machine.
	if p.dir, err = filepath.Abs("bin"); err != nil {
		return nil, err
	}
	if p.dir, err = os.MkdirTemp(p.dir, "bench-run-"); err != nil {
		return nil, err
	}
	if p.log, err = os.OpenFile(filepath.Join(p.dir, "log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	if p.cloud, err = p.startCloud(ctx, "data"); err != nil {
		return nil, err
	}
	return p, p.startMosquitto(ctx)
}

// mosquittoConfig lifts the limits that would drop messages, and has what is
// queued written to disk every now and then, as far as the broker can.
const mosquittoConfig = `
listener %s %s
allow_anonymous true
user root
persistence true
persistence_location %s/
autosave_interval 1800
max_inflight_messages 0
max_queued_messages 0
set_tcp_nodelay true
log_dest stderr
log_type error
`

func (p *programs) startMosquitto(ctx context.Context) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	p.mqtt = "tcp://" + address
	folder := filepath.Join(p.dir, "mosquitto")
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	host, port, _ := net.SplitHostPort(address)
	config := filepath.Join(p.dir, "mosquitto.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, mosquittoConfig, port, host, folder), 0o600); err != nil {
		return err
	}
	command, err := exec.LookPath("mosquitto")
	if err != nil {
		command = "/usr/sbin/mosquitto" // not in everybody's PATH
	}
	if p.mosquitto, err = process.Start(process.Options{Command: command, Args: []string{"-c", config}, Stderr: p.log}); err != nil {
		return err
	}
	return until(ctx, "mosquitto listens", p.mosquitto, func() bool {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// stop ends all, and removes what they wrote.
func (p *programs) stop() error {
	var errs []error
	for _, program := range []*process.Process{p.cloudsvc, p.mosquitto} {
		if program != nil {
			errs = append(errs, program.Stop(stopTime))
		}
	}
	if p.log != nil {
		_ = p.log.Close()
	}
	return errors.Join(append(errs, os.RemoveAll(p.dir))...)
}

// showLog writes the last of what the programs said, but for klog's lines of
// level info, which tell of what goes well.
func (p *programs) showLog(w io.Writer) {
	if p.log == nil {
		return
	}
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		return
	}
	lines := slices.DeleteFunc(strings.SplitAfter(string(text), "\n"), klogInfo.MatchString)
	fmt.Fprint(w, strings.Join(lines[max(0, len(lines)-shownLines):], ""))
}

// freeAddress returns a host:port that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// until waits until something is so of a program that runs.
func until(ctx context.Context, what string, of *process.Process, so func() bool) error {
	deadline := time.NewTimer(readyTime)
	defer deadline.Stop()
	tick := time.NewTicker(readyStep)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("not in %v: %s", readyTime, what)
		case <-of.Done():
			return fmt.Errorf("wait until %s: it ended with: %w", what, of.Err())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
