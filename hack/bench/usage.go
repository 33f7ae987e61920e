package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A usage is what a process has used.
type usage struct {
	Process string        `json:"process"`
	CPU     time.Duration `json:"cpu"`    // of all its threads, user and system
	MaxRSS  int64         `json:"maxRSS"` // largest resident set, in bytes
}

// watched is a process whose usage is of interest.
type watched struct {
	name string
	pid  int
}

// watch forgets the largest resident sets so far, and returns what reads what
// the processes use from now on.
func watch(processes []watched) (func() ([]usage, error), error) {
	before := make([]time.Duration, len(processes))
	for i, p := range processes {
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.pid), []byte("5"), 0); err != nil {
			return nil, err
		}
		var err error
		if before[i], err = cpuTime(p.pid); err != nil {
			return nil, err
		}
	}
	return func() ([]usage, error) {
		used := make([]usage, len(processes))
		for i, p := range processes {
			after, err := cpuTime(p.pid)
			if err != nil {
				return nil, err
			}
			used[i] = usage{Process: p.name, CPU: after - before[i]}
			if used[i].MaxRSS, err = maxRSS(p.pid); err != nil {
				return nil, err
			}
		}
		return used, nil
	}, nil
}

// cpuTime returns what a process has used of the processors since its start.
func cpuTime(pid int) (time.Duration, error) {
	var t unix.Timespec
	// The clock of another process, as clock_getcpuclockid(3) makes its number.
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// maxRSS returns the largest resident set of a process, in bytes.
func maxRSS(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(text, []byte("VmHWM:"))
	number, _, found := bytes.Cut(bytes.TrimSpace(rest), []byte(" kB"))
	kib, err := strconv.ParseInt(string(number), 10, 64)
	if !found || err != nil {
		return 0, fmt.Errorf("%s has no VmHWM in kB", path)
	}
	return kib << 10, nil
}
