package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

// smallDisk mounts a file system of a few MB, which needs root.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mount a small disk, for which one must be root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// On a full disk an append says so, and when there is room again the log goes
// on by itself.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "24m")
	l := openFolder(t, filepath.Join(dir, "log"))
	appendAll(t, l, 1, 3)
	filler := filepath.Join(dir, "somebody else's")
	if err := os.WriteFile(filler, make([]byte, 32<<20), 0o600); err == nil {
		t.Fatal("32 MB fit on a disk of 24")
	}
	large := "block 4" + strings.Repeat(" ", 1<<20)
	if _, err := l.Append(t.Context(), dataplane.RT, 0, []byte(large)); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("on a full disk: got %v, want it to say so", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log takes blocks again", func() bool {
		_, err := l.Append(t.Context(), dataplane.RT, 0, []byte(large))
		return err == nil
	})
	appendAll(t, l, 5, 6)
	got := stored(t, l, dataplane.RT, 0)
	if len(got) != 6 || got[2] != "3 block 3" || !strings.HasPrefix(got[3], "4 block 4 ") || got[5] != "6 block 6" {
		t.Errorf("got %d blocks: %.20q", len(got), got)
	}
}

// On a full disk a log on which nobody appends goes on by itself, too, when there
// is room again.
func TestDiskFullOnQuietLog(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "24m")
	l := openFolder(t, filepath.Join(dir, "log"))
	defer running(t, l)()
	filler := filepath.Join(dir, "somebody else's")
	if err := os.WriteFile(filler, make([]byte, 32<<20), 0o600); err == nil {
		t.Fatal("32 MB fit on a disk of 24")
	}
	letter := cloudsvc.DeadLetter{ID: "dl_1", Subscription: "sub_1", Message: json.RawMessage(strconv.Quote(strings.Repeat("x", 100<<10)))}
	for what, store := range map[string]func(context.Context) error{
		"cursors":     func(ctx context.Context) error { return l.SaveCursors(ctx, 1, make([]byte, 500<<10)) },
		"dead letter": func(ctx context.Context) error { return l.Bury(ctx, &letter) },
	} {
		if err := inTime(t, store); err == nil {
			t.Errorf("%s: stored on a full disk", what)
		}
		if err := os.Truncate(filler, 8<<20); err != nil {
			t.Fatal(err)
		}
		eventually(t, what+" are stored again", func() bool { return inTime(t, store) == nil })
		if err := os.WriteFile(filler, make([]byte, 32<<20), 0o600); err == nil {
			t.Fatal("32 MB fit on a disk of 24")
		}
	}
}

// inTime does what ought not to take long.
func inTime(t *testing.T, do func(context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	return do(ctx)
}

// The streams of a small disk are small, so that they do not fill it.
func TestSmallDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "24m")
	l := openFolder(t, dir)
	block := strings.Repeat("x", 1<<20)
	for range 30 {
		mustAppend(t, l, dataplane.RT, block)
		mustAppend(t, l, dataplane.BT, block)
	}
	if n := len(stored(t, l, dataplane.RT, 0)); n == 0 || n > 6 {
		t.Errorf("kept %d MB of RT on a disk of 24 MB, want 6 at most", n)
	}
	l.Close()
	openFolder(t, dir) // there is less room now than when they were made
}

// Nothing is acknowledged that goes to a folder that is not there any more.
func TestFolderIsRemoved(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	l := openFolder(t, dir)
	appendAll(t, l, 1, 2)
	away := dir + ".away"
	if err := os.Rename(dir, away); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := l.Append(t.Context(), dataplane.RT, 0, []byte("block 3")); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("got %v, want an error that names %s", err, dir)
		}
		if err := l.SaveHook(t.Context(), "sub_a", []byte("1")); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("subscription: got %v, want an error that names %s", err, dir)
		}
		if err := os.MkdirAll(dir, 0o750); err != nil { // another one is no better
			t.Fatal(err)
		}
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, dir); err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, 3, 3)
}

// A server that has halted is started anew, once, however many find out.
func TestHaltedServerIsRevived(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	appendAll(t, l, 1, 2)
	first := l.server.current.Load()
	serverLogger{l.server.log, first}.Errorf("JetStream stream '%s' critical write error: %v", "RT", errors.New("bad sector"))
	if err := l.server.fault(); err == nil || !strings.Contains(err.Error(), "bad sector") {
		t.Errorf("fault: got %v, want the reason", err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := l.server.revive(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	second := l.server.current.Load()
	if second == first || second == nil || l.server.fault() != nil {
		t.Errorf("the server was not started anew: %v", l.server.fault())
	}
	eventually(t, "the log takes blocks again", func() bool {
		_, err := l.Append(t.Context(), dataplane.RT, 0, []byte("block 3"))
		return err == nil
	})
	if got := stored(t, l, dataplane.RT, 0); len(got) != 3 || got[2] != "3 block 3" {
		t.Errorf("got %q", got)
	}
}
