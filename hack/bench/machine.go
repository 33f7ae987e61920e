package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A machine is what was measured on.
type machine struct {
	Cores  int           `json:"cores"`
	CPU    string        `json:"cpu"`
	Memory int64         `json:"memory"` // bytes
	Kernel string        `json:"kernel"`
	Fsync  time.Duration `json:"fsync"` // median of writing 4 KiB and syncing it, where the log is
	Go     string        `json:"go"`
}

// fsyncs is how often the disk is asked to sync, to see how long it takes.
const fsyncs = 101

func readMachine(dir string) (machine, error) {
	m := machine{Cores: runtime.NumCPU(), CPU: "unknown", Go: runtime.Version()}
	var name unix.Utsname
	var info unix.Sysinfo_t
	if err := errors.Join(unix.Uname(&name), unix.Sysinfo(&info)); err != nil {
		return m, fmt.Errorf("read what machine this is: %w", err)
	}
	m.Kernel = unix.ByteSliceToString(name.Release[:])
	m.Memory = int64(info.Totalram) * int64(info.Unit)
	cpus, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m, err
	}
	if _, rest, found := bytes.Cut(cpus, []byte("model name\t: ")); found {
		model, _, _ := bytes.Cut(rest, []byte("\n"))
		m.CPU = strings.TrimSpace(string(model))
	}
	m.Fsync, err = measureFsync(dir)
	return m, err
}

func measureFsync(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var took []time.Duration
	for range fsyncs {
		began := time.Now()
		if _, err := f.Write(make([]byte, 4<<10)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// String returns it in one line, for people.
func (m *machine) String() string {
	return fmt.Sprintf("%d cores of %s, %d GiB, Linux %s, 4 KiB synced to disk in %.2f ms, %s",
		m.Cores, m.CPU, m.Memory>>30, m.Kernel, ms(m.Fsync), m.Go)
}
