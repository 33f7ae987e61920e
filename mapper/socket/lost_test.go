package socket

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"datastub/hack/poll"
)

// accept accepts until the listener is closed; done returns why it ended.
func accept(l net.Listener) (done func() error) {
	ended := make(chan error, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			_ = conn.Close()
		}
	}()
	return func() error { return <-ended }
}

// until waits for ok, for 20 s at most.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll.Within(t, 20*time.Second, what, ok)
}

func connects(path string) bool {
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// A socket whose file is taken away is made again, and removed in the end.
func TestListenerIsMadeAgain(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(path string) error{
		"alone":           os.Remove,
		"with its folder": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(socketDir(t), "a", "publish.sock")
			l, err := Listen(path)
			if err != nil {
				t.Fatal(err)
			}
			done := accept(l)
			if err := lose(path); err != nil {
				t.Fatal(err)
			}
			until(t, "the socket is there again", func() bool { return connects(path) })
			if s, err := Listen(path); err == nil {
				_ = s.Close()
				t.Error("somebody else may have the path")
			}
			if err := l.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if err := done(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the end of Accept: got %v, want %v", err, net.ErrClosed)
			}
			if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("when it is closed: got %v, want no socket", err)
			}
		})
	}
}

// What somebody else puts in its place is neither removed nor listened on, and
// the listener goes on when it is gone.
func TestListenerLeavesWhatIsInItsPlace(t *testing.T) {
	t.Parallel()
	for name, closed := range map[string]bool{"and is closed": true, "and waits": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(socketDir(t), "publish.sock")
			l, err := Listen(path)
			if err != nil {
				t.Fatal(err)
			}
			other := path + ".other"
			writeFile(t, other)
			if err := os.Rename(other, path); err != nil {
				t.Fatal(err)
			}
			done := accept(l)
			if !closed {
				until(t, "it is seen", func() bool { return l.why() != "" })
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				until(t, "the socket is there again", func() bool { return connects(path) })
			}
			if err := l.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			_ = done()
			if _, err := os.Lstat(path); closed != (err == nil) {
				t.Errorf("what is there in the end: got %v", err)
			}
		})
	}
}

func (l *Listener) why() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}
