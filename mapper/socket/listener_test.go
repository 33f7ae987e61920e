package socket

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// socketDir returns a folder whose path leaves room for a socket's name.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "datastub-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func writeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestListenerFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(socketDir(t), "a", "b", "publish.sock")
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	is, err := os.Lstat(path)
	if err != nil || is.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("the socket: got %v, %v, want mode 0660", is.Mode(), err)
	}
	if is, err := os.Stat(filepath.Dir(path)); err != nil || is.Mode().Perm() != 0o755 {
		t.Errorf("its folder: got %v, %v, want mode 0755", is.Mode(), err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Errorf("dial: %v", err)
	} else {
		_ = conn.Close()
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("when it is closed: got %v, want no socket", err)
	}
	again, err := Listen(path)
	if err != nil {
		t.Fatalf("the path again: %v", err)
	}
	_ = again.Close()
}

// A dead process leaves its socket and lets go of its lock.
func TestListenReplacesADeadOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(socketDir(t), "publish.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	_ = dead.Close()
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
}

func TestListenRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		occupy func(t *testing.T, path string)
		want   string // with PATH for the path
	}{
		"by a mapper": {
			func(t *testing.T, path string) {
				t.Helper()
				s, err := Listen(path)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
			},
			"socket PATH is in use, perhaps by another mapper on this node: name another path in config.yaml",
		},
		"by a program that takes no lock": {
			func(t *testing.T, path string) {
				t.Helper()
				l, err := net.Listen("unix", path)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = l.Close() })
			},
			"socket PATH is in use, perhaps by another mapper on this node: name another path in config.yaml",
		},
		"by a file": {
			func(t *testing.T, path string) { t.Helper(); writeFile(t, path) },
			"PATH is there and is no socket (-rw-------): remove it, or name another path",
		},
		"by a link to a socket": {
			func(t *testing.T, path string) {
				t.Helper()
				l, err := net.Listen("unix", path+"2")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = l.Close() })
				if err := os.Symlink(path+"2", path); err != nil {
					t.Fatal(err)
				}
			},
			"PATH is there and is no socket (Lrwxrwxrwx): remove it, or name another path",
		},
		"by a link in place of its lock": {
			func(t *testing.T, path string) {
				t.Helper()
				if err := os.Symlink("elsewhere", path+".lock"); err != nil {
					t.Fatal(err)
				}
			},
			"lock socket PATH: open PATH.lock: too many levels of symbolic links",
		},
		"by a file in place of its folder": {
			func(t *testing.T, path string) {
				t.Helper()
				dir := filepath.Dir(path)
				if err := os.Remove(dir); err != nil {
					t.Fatal(err)
				}
				writeFile(t, dir)
			},
			"make the folder of socket PATH: mkdir DIR: not a directory",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(socketDir(t), "publish.sock")
			tt.occupy(t, path)
			want := strings.NewReplacer("PATH", path, "DIR", filepath.Dir(path)).Replace(tt.want)
			before, _ := os.Lstat(path)
			s, err := Listen(path)
			if err == nil {
				_ = s.Close()
				t.Fatal("it was bound")
			}
			if err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if after, _ := os.Lstat(path); before != nil && !os.SameFile(before, after) {
				t.Error("what was there is gone")
			}
		})
	}
}
