package powerloss

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// losses is how often the power goes in each case: enough for each outcome.
const losses = 40

// open opens a file of a disk, which is closed with the test.
func open(t *testing.T, d *Disk, name string, flags int) *os.File {
	t.Helper()
	f, err := os.OpenFile(d.Path(name), flags, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// outcomes lets the power go again and again, each time on a disk that was
// emptied, and returns how often a case ended in each way.
func outcomes(t *testing.T, before func(t *testing.T, d *Disk), after func(t *testing.T, d *Disk) string) map[string]int {
	t.Helper()
	d, got := New(t), make(map[string]int)
	for seed := range uint64(losses) {
		for _, name := range []string{"a", "b"} {
			must(t, os.RemoveAll(d.Path(name)))
		}
		syncFolder(t, d)
		before(t, d)
		d.Crash(seed)
		got[after(t, d)]++
	}
	return got
}

// mapAndSync is a program that writes to a mapping of a file, and syncs it.
const mapAndSync = `
import mmap, sys
with open(sys.argv[1], "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
    m[0:3] = b"two"
    m.flush()
`

// content returns what the file a holds, or that it is not there.
func content(t *testing.T, d *Disk) string {
	t.Helper()
	b, err := os.ReadFile(d.Path("a"))
	if errors.Is(err, os.ErrNotExist) {
		return "none"
	}
	must(t, err)
	return string(b)
}

// write writes a file as os.WriteFile does, and syncs it if it is to.
func write(t *testing.T, d *Disk, name, text string, sync bool) {
	t.Helper()
	f := open(t, d, name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC)
	_, err := f.WriteString(text)
	must(t, err)
	if sync {
		must(t, f.Sync())
	}
}

func syncFolder(t *testing.T, d *Disk) {
	t.Helper()
	f, err := os.Open(d.Path())
	must(t, err)
	defer f.Close()
	must(t, f.Sync())
}

func TestCrash(t *testing.T) {
	tests := map[string]struct {
		before func(*testing.T, *Disk)
		want   []string // each of which must come about, and nothing else
	}{
		"synced": {
			func(t *testing.T, d *Disk) { write(t, d, "a", "one", true) },
			[]string{"one"},
		},
		"not synced": {
			func(t *testing.T, d *Disk) { write(t, d, "a", "one", false) },
			[]string{"none", "", "\x00\x00\x00", "one"},
		},
		"appended to, not synced": {
			func(t *testing.T, d *Disk) {
				write(t, d, "a", "one", true)
				f := open(t, d, "a", os.O_WRONLY|os.O_APPEND)
				_, err := f.WriteString("two")
				must(t, err)
			},
			[]string{"one", "one\x00\x00\x00", "onetwo"},
		},
		"O_SYNC": {
			func(t *testing.T, d *Disk) {
				_, err := open(t, d, "a", os.O_CREATE|os.O_WRONLY|os.O_SYNC).WriteString("one")
				must(t, err)
			},
			[]string{"one"},
		},
		"the folder synced, not the file": {
			func(t *testing.T, d *Disk) { write(t, d, "a", "one", false); syncFolder(t, d) },
			[]string{"", "\x00\x00\x00", "one"},
		},
		"another file synced later": {
			func(t *testing.T, d *Disk) { write(t, d, "a", "one", false); write(t, d, "b", "two", true) },
			[]string{"", "\x00\x00\x00", "one"},
		},
		"renamed over another": {
			func(t *testing.T, d *Disk) {
				write(t, d, "a", "one", true)
				write(t, d, "b", "two", true)
				must(t, os.Rename(d.Path("b"), d.Path("a")))
			},
			[]string{"one", "two"},
		},
		"renamed over another, the folder synced": {
			func(t *testing.T, d *Disk) {
				write(t, d, "a", "one", true)
				write(t, d, "b", "two", true)
				must(t, os.Rename(d.Path("b"), d.Path("a")))
				syncFolder(t, d)
			},
			[]string{"two"},
		},
		"renamed over another, not synced before": {
			func(t *testing.T, d *Disk) {
				write(t, d, "a", "one", true)
				write(t, d, "b", "two", false)
				must(t, os.Rename(d.Path("b"), d.Path("a")))
			},
			[]string{"one", "", "\x00\x00\x00", "two"},
		},
		"removed": {
			func(t *testing.T, d *Disk) { write(t, d, "a", "one", true); must(t, os.Remove(d.Path("a"))) },
			[]string{"one", "none"},
		},
		"removed, the folder synced": {
			func(t *testing.T, d *Disk) {
				write(t, d, "a", "one", true)
				must(t, os.Remove(d.Path("a")))
				syncFolder(t, d)
			},
			[]string{"none"},
		},
		"truncated": {
			func(t *testing.T, d *Disk) { write(t, d, "a", "one", true); must(t, os.Truncate(d.Path("a"), 1)) },
			[]string{"one", "o"},
		},
		"truncated and written anew": {
			func(t *testing.T, d *Disk) { write(t, d, "a", "one", true); write(t, d, "a", "two", false) },
			[]string{"one", "", "\x00\x00\x00", "two"},
		},
		"truncated, written anew and synced": {
			func(t *testing.T, d *Disk) { write(t, d, "a", "one", true); write(t, d, "a", "2", true) },
			[]string{"2"},
		},
		"a mapping that is synced": {
			func(t *testing.T, d *Disk) {
				write(t, d, "a", "one", true)
				// Another process's: here the garbage collector would wait for a page,
				// and the page for it.
				out, err := exec.Command("/usr/bin/python3", "-c", mapAndSync, d.Path("a")).CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			},
			[]string{"two"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := outcomes(t, test.before, func(t *testing.T, d *Disk) string { return content(t, d) })
			for _, want := range test.want {
				if got[want] == 0 {
					t.Errorf("never %q in %d: got %v", want, losses, got)
				}
			}
			for outcome, n := range got {
				if !slices.Contains(test.want, outcome) {
					t.Errorf("%q, %d times: want one of %q", outcome, n, test.want)
				}
			}
		})
	}
}

// TestCrashPages has a file of many pages written over: each is what it was or
// what it was to be, up to a sector, and some are torn.
func TestCrashPages(t *testing.T) {
	const pages = 16
	before, behind := bytes.Repeat([]byte{1}, pages*pageSize), bytes.Repeat([]byte{2}, pages*pageSize)
	got := outcomes(t,
		func(t *testing.T, d *Disk) {
			write(t, d, "a", string(before), true)
			_, err := open(t, d, "a", os.O_WRONLY).WriteAt(behind, 0)
			must(t, err)
		},
		func(t *testing.T, d *Disk) string {
			outcome := "whole"
			for page := range slices.Chunk([]byte(content(t, d)), pageSize) {
				n := bytes.Count(page, []byte{2})
				if n%sectorSize != 0 || !bytes.Equal(page, append(bytes.Clone(behind[:n]), before[:pageSize-n]...)) {
					t.Fatalf("a page of %d bytes has %d new ones", len(page), n)
				}
				if n > 0 && n < pageSize {
					outcome = "torn"
				}
			}
			return outcome
		})
	if got["torn"] == 0 {
		t.Errorf("no torn page in %d: got %v", losses, got)
	}
}

// TestCrashOpen has a file and a lock held over a loss of power: the file fails,
// the lock is gone.
func TestCrashOpen(t *testing.T) {
	d := New(t)
	f := open(t, d, "a", os.O_CREATE|os.O_RDWR)
	must(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	must(t, f.Sync())
	if err := syscall.Flock(int(open(t, d, "a", os.O_RDWR).Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("a second lock: got %v, want %v", err, syscall.EWOULDBLOCK)
	}
	d.Crash(1)
	if _, err := f.Write([]byte("a")); !errors.Is(err, syscall.EIO) {
		t.Errorf("write to a file from before: got %v, want %v", err, syscall.EIO)
	}
	must(t, syscall.Flock(int(open(t, d, "a", os.O_RDWR).Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
}

// TestSetReadOnly has a file that is open while the disk is read-only.
func TestSetReadOnly(t *testing.T) {
	d := New(t)
	write(t, d, "a", "one", true)
	f := open(t, d, "a", os.O_RDWR|os.O_APPEND)
	d.SetReadOnly(true)
	_, err := f.WriteString("two")
	for what, err := range map[string]error{
		"write": err, "sync": f.Sync(), "truncate": f.Truncate(1), "remove": os.Remove(d.Path("a")),
		"rename": os.Rename(d.Path("a"), d.Path("b")), "create": os.WriteFile(d.Path("b"), nil, 0o600),
		"write a file": os.WriteFile(d.Path("a"), nil, 0o600), "mkdir": os.Mkdir(d.Path("b"), 0o700),
	} {
		if !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: got %v, want %v", what, err, syscall.EROFS)
		}
	}
	if got := content(t, d); got != "one" {
		t.Errorf("got %q, want what it was", got)
	}
	d.SetReadOnly(false)
	_, err = f.WriteString("two")
	must(t, err)
	if got := content(t, d); got != "onetwo" {
		t.Errorf("got %q behind it", got)
	}
}

// TestDisk does the same on the disk and in a folder of the machine's, by
// chance, and finds the same there.
func TestDisk(t *testing.T) {
	d, dir := New(t), t.TempDir()
	names := []string{"a", "b", "c", "sub/a", "sub/b"}
	both := func(do func(root string) error) {
		t.Helper()
		got, want := do(d.Path()), do(dir)
		if !errors.Is(got, errors.Unwrap(want)) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	both(func(root string) error { return os.Mkdir(filepath.Join(root, "sub"), 0o700) })
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		name, other := names[rng.IntN(len(names))], names[rng.IntN(len(names))]
		at, text := rng.Int64N(3*pageSize), bytes.Repeat([]byte{byte(rng.IntN(255))}, rng.IntN(2*pageSize))
		flags := os.O_RDWR | [...]int{0, os.O_CREATE, os.O_TRUNC, os.O_APPEND, os.O_CREATE | os.O_EXCL}[rng.IntN(5)]
		switch rng.IntN(6) {
		case 0:
			both(func(root string) error { return os.Rename(filepath.Join(root, name), filepath.Join(root, other)) })
		case 1:
			both(func(root string) error { return os.Remove(filepath.Join(root, name)) })
		case 2:
			both(func(root string) error { return os.Truncate(filepath.Join(root, name), at) })
		default:
			both(func(root string) error { return writeAt(filepath.Join(root, name), flags, at, text) })
		}
		both(func(root string) error { _, err := os.ReadDir(filepath.Join(root, name)); return err })
	}
	must(t, os.CopyFS(filepath.Join(t.TempDir(), "copy"), os.DirFS(d.Path())))
	for _, name := range names {
		want, missing := os.ReadFile(filepath.Join(dir, name))
		got, err := os.ReadFile(d.Path(name))
		if !bytes.Equal(got, want) || errors.Is(err, os.ErrNotExist) != errors.Is(missing, os.ErrNotExist) {
			t.Errorf("%s: %d bytes, %v, want %d, %v", name, len(got), err, len(want), missing)
		}
	}
}

func writeAt(path string, flags int, at int64, text []byte) error {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if flags&os.O_APPEND == 0 {
		if _, err := f.Seek(at, io.SeekStart); err != nil {
			return err
		}
	}
	_, err = f.Write(text)
	return err
}
