package image

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// version and revision are what the images of the tests are stamped with.
const (
	version  = "v9.9.9"
	revision = "0123456789abcdef0123456789abcdef01234567"
)

// newContext returns a folder with what an engine would build from: the files that
// .dockerignore lets through.
func newContext(t *testing.T) string {
	t.Helper()
	f, err := os.Open(repository + "/.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	patterns, err := ignorefile.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err = filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(repository, path)
		if err != nil {
			return err
		}
		if skip, err := ignored.MatchesOrParentMatches(name); skip || err != nil {
			return err
		}
		return copyFile(path, filepath.Join(dir, name))
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// copyFile copies a file with its mode, and makes the folder that it goes to.
func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, info.Mode())
}

// makeRoot returns the root file system of an image, made by the steps of the stage
// that makes it in the Dockerfile, in a context.
func makeRoot(t *testing.T, context string, by stage) string {
	t.Helper()
	root := t.TempDir()
	for _, run := range by.all("RUN") {
		for strings.HasPrefix(run, "--") { // where it caches is the engine's affair
			_, run, _ = strings.Cut(run, " ")
			run = strings.TrimSpace(run)
		}
		cmd := exec.Command("/bin/sh", "-c", strings.ReplaceAll(run, " /rootfs ", " "+root+" "))
		cmd.Dir = context
		cmd.Env = append(os.Environ(), "VERSION="+version, "REVISION="+revision)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("RUN %s: %v\n%s", run, err, out)
		}
	}
	return root
}
