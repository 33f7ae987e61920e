package natslog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOpenRefusesFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	spoiled := t.TempDir()
	if err := os.WriteFile(filepath.Join(spoiled, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	used := t.TempDir()
	openFolder(t, used)
	for _, test := range []struct{ name, dir, want string }{
		{"a file", file, file},
		{"below a file", filepath.Join(file, "log"), file},
		{"nobody may write", "/proc/datastub", "/proc/datastub"},
		{"a file in the server's place", spoiled, spoiled},
		{"used", used, used + " is used by another cloudsvc"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			l, err := Open(t.Context(), Options{Dir: test.dir})
			if err == nil {
				l.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to name %q", err, test.want)
			}
			if took := time.Since(began); took > startWait/2 {
				t.Errorf("the error came after %v", took)
			}
		})
	}
}

func TestCloseGivesTheFolderBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 3 {
		openFolder(t, dir).Close()
	}
}

func TestOptionsWantOnePlace(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Dir: t.TempDir(), URL: "nats://me:secret@127.0.0.1"}} {
		l, err := Open(t.Context(), o)
		if err == nil {
			l.Close()
			t.Errorf("folder %q and URL %q: opened", o.Dir, o.URL)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}
