package mapper

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What takes a file's place and is none keeps what the file held, is told once,
// and is not waited for, as a pipe would have it.
func TestFolderFileReplaced(t *testing.T) {
	t.Parallel()
	const noFile = "it is a folder or a device, a pipe or a socket: want a file"
	for name, test := range map[string]struct {
		put  func(path string) error
		want string
	}{
		"a folder":         {func(path string) error { return os.Mkdir(path, 0o700) }, noFile},
		"a pipe":           {func(path string) error { return syscall.Mkfifo(path, 0o600) }, noFile},
		"a device":         {func(path string) error { return os.Symlink("/dev/zero", path) }, noFile},
		"a socket":         {listenUnix, noFile},
		"a dangling link":  {func(path string) error { return os.Symlink("nowhere", path) }, "the link leads nowhere: want a file"},
		"a loop of links":  {func(path string) error { return os.Symlink(filepath.Base(path), path) }, "too many levels of symbolic links"},
		"an unreadable":    {func(path string) error { return os.Symlink("/proc/self/mem", path) }, "input/output error"},
		"binary garbage":   {containing("\x7fELF\x02\x01\x01\x00\xff"), "not a text in UTF-8"},
		"a file too large": {containing(strings.Repeat("#", maxFile+1)), "it is larger than 1Mi: split it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := watch(t, t.TempDir(), 10*time.Millisecond)
			w.write("model.yaml", pumpModel)
			w.write("one.yaml", pump("one", "A"))
			w.want(addresses{"one": "A"})
			path := filepath.Join(w.dir, "one.yaml")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			w.want(addresses{})
			w.write("one.yaml", pump("one", "B"))
			w.want(addresses{"one": "B"})
			part := filepath.Join(w.dir, ".part")
			if err := test.put(part); err != nil {
				t.Fatal(err)
			}
			if name == "a loop of links" { // it must be one under its own name
				if err := os.Remove(part); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink("one.yaml", part); err != nil {
					t.Fatal(err)
				}
			}
			replace(t, part, path)
			w.wantLogged(1, "ERROR ", "Device file has a problem: what it held before stays", `file="`+path+`"`, test.want)
			w.write("two.yaml", pump("two", "C"))
			w.want(addresses{"one": "B", "two": "C"})
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			w.write("one.yaml", pump("one", "D"))
			w.want(addresses{"one": "D", "two": "C"})
			w.wantLogged(1, "ERROR ", "one.yaml")
		})
	}
}

// replace renames over a path, of which a folder has to be out of the way.
func replace(t *testing.T, part, path string) {
	t.Helper()
	if info, err := os.Stat(part); err == nil && info.IsDir() {
		if err := os.Rename(path, path+".old"); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(part, path); err != nil {
		t.Fatal(err)
	}
}

func listenUnix(path string) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer func() { _ = syscall.Close(fd) }()
	return syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
}

func containing(text string) func(path string) error {
	return func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
}

// A file is half written: what it held stays, and when the rest comes, that is
// taken. (Each is put there in one step: a file that is truncated for a moment
// has no devices, and a rescan may see that.)
func TestFolderHalfWritten(t *testing.T) {
	t.Parallel()
	w := watch(t, t.TempDir(), 10*time.Millisecond)
	w.write("all.yaml", pumpModel+"---\n"+pump("one", "A"))
	w.want(addresses{"one": "A"})
	text := pumpModel + "---\n" + pump("one", "B")
	path := filepath.Join(w.dir, "all.yaml")
	w.write("all.yaml", text[:len(text)-20])
	w.wantLogged(1, "ERROR ", "Device file has a problem: what it held before stays", path, "not YAML")
	if got := w.board.addresses(); !reflect.DeepEqual(got, addresses{"one": "A"}) {
		t.Errorf("got %v", got)
	}
	w.write("all.yaml", text)
	w.want(addresses{"one": "B"})
	w.wantLogged(1, "INFO ", "Device file is right again", path)
}

// TestScanBelievesAnEmptyFileTheSecondTime has scans see a file in the middle
// of being written in place, and one that stays empty.
func TestScanBelievesAnEmptyFileTheSecondTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := NewFolder(FolderOptions{Dir: dir, Defaults: DefaultRules(), Vet: Drivers{"modbus": newScript()}.Vet})
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		text    string
		devices int
		changed bool
	}{
		{pumpModel + "---\n" + pump("one", "A"), 1, true},
		{"", 1, false},
		{pumpModel + "---\n" + pump("one", "A"), 1, false},
		{"", 1, false},
		{"", 0, true},
		{"", 0, false},
	} {
		writeFile(t, dir, "all.yaml", step.text)
		f.changed = false
		f.scan()
		if got := len(f.files["all.yaml"].objects.Devices); got != step.devices || f.changed != step.changed {
			t.Errorf("scan %d: got %d devices, changed %v, want %d, %v", i, got, f.changed, step.devices, step.changed)
		}
	}
}
