package mapper

import (
	"os"
	"syscall"
	"time"
)

// stampAge is how old a change of a file must be to be told from a later one:
// file systems count in seconds at the coarsest.
const stampAge = 2 * time.Second

// A stamp is what the system knows of a file that is another one after each
// change. The zero stamp is of a file that may change unseen.
type stamp struct {
	device, inode uint64
	changed       syscall.Timespec // which, unlike the time of modification, nobody sets
}

// stampOf returns the stamp of a file, through links.
func stampOf(path string, now time.Time) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || now.Sub(time.Unix(stat.Ctim.Unix())) < stampAge {
		return stamp{}
	}
	return stamp{device: stat.Dev, inode: stat.Ino, changed: stat.Ctim}
}
