package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"datastub/mapper"
)

// spool looks at the folder where values wait for the uplink.
func spool(s *mapper.Spool) Finding {
	const subject = "spool"
	if s.Dir == "" {
		return Finding{Warn, subject, "values wait in memory only: what is not delivered is lost when the mapper ends", "set dataplane.spool.dir to a folder of the mapper's own"}
	}
	dir := existing(s.Dir)
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return Finding{Fail, subject, fmt.Sprintf("write to %s: %v", dir, err), "let the mapper's user write there"}
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return Finding{Fail, subject, fmt.Sprintf("ask for the room in %s: %v", dir, err), "is the disk well? see dmesg"}
	}
	free, held := mapper.Size(disk.Bavail*uint64(disk.Bsize)), sizeOf(s.Dir)
	text := fmt.Sprintf("%s has %v, and the disk %v more", s.Dir, rounded(held), rounded(free))
	if held < s.MaxBytes && free < s.MaxBytes-held {
		return Finding{Warn, subject, fmt.Sprintf("%s; it may grow to %v", text, s.MaxBytes), "make room, or lower dataplane.spool.maxBytes"}
	}
	return Finding{Verdict: OK, Subject: subject, Text: text}
}

// rounded cuts a size to whole units.
func rounded(size mapper.Size) mapper.Size {
	for unit := mapper.Size(1) << 40; unit > 1; unit >>= 10 {
		if size >= 10*unit {
			return size - size%unit
		}
	}
	return size
}

// existing returns the folder, or the nearest above it that is there: the mapper
// makes the rest.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// sizeOf returns how many bytes are in the files below a folder, as far as they
// can be seen.
func sizeOf(dir string) (bytes mapper.Size) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // it is gone, or not ours to see
		}
		if info, err := entry.Info(); err == nil {
			bytes += mapper.Size(info.Size())
		}
		return nil
	})
	return bytes
}
