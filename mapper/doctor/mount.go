package doctor

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
)

// A mount is one line of /proc/self/mountinfo.
type mount struct{ point, kind string }

// readMounts returns what is mounted here: nothing where that is not known.
func readMounts() []mount {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	defer f.Close()
	var mounts []mount
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if m, ok := parseMount(lines.Text()); ok {
			mounts = append(mounts, m)
		}
	}
	return mounts
}

// parseMount reads a line, as proc_pid_mountinfo(5) has it:
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
func parseMount(line string) (mount, bool) {
	left, right, ok := strings.Cut(line, " - ")
	fields, kind := strings.Fields(left), strings.Fields(right)
	if !ok || len(fields) < 5 || len(kind) == 0 {
		return mount{}, false
	}
	return mount{point: fields[4], kind: kind[0]}, true
}

// mountOf returns the mount that a folder is in: the longest that holds it, and
// of those the last.
func mountOf(mounts []mount, dir string) (in mount) {
	for _, m := range mounts {
		rel, err := filepath.Rel(m.point, dir)
		if err == nil && rel != ".." && !strings.HasPrefix(rel, "../") && len(m.point) >= len(in.point) {
			in = m
		}
	}
	return in
}
