package hostile

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"datastub/hack/stack"
)

// TestEdgeFileCycles changes the folder of devices many times a second in every
// way at once. The neighbour goes on, the changes end in what was written last,
// and the log does not grow with each of them.
func TestEdgeFileCycles(t *testing.T) {
	e := startEdge(t, map[string]string{"model.yaml": model})
	dir := t.TempDir()
	part := func(name string) string { return dir + "/" + name }
	right, wrong := virtual("cycled", "signal: counter"), "kind: ["
	cycles := []func(name string, n int){
		func(name string, n int) { _ = os.WriteFile(name, []byte([]string{right, wrong}[n%2]), 0o600) },
		func(name string, _ int) { _ = os.WriteFile(name, []byte(right), 0o600); _ = os.Remove(name) },
		func(name string, n int) {
			_ = os.WriteFile(part("over"), fmt.Append(nil, "# ", n, "\n"), 0o600)
			_ = os.Rename(part("over"), name)
		},
		func(name string, _ int) { _ = os.Mkdir(name, 0o700); _ = os.Remove(name) },
		func(name string, _ int) { _ = syscall.Mkfifo(name, 0o600); _ = os.Remove(name) },
		func(name string, _ int) { _ = os.Symlink("nowhere", name); _ = os.Remove(name) },
		func(name string, _ int) { _ = os.Symlink(name, name); _ = os.Remove(name) },
		func(name string, n int) { _ = os.WriteFile(name, []byte(right[:n%len(right)]), 0o600) },
	}
	stop := make(chan struct{})
	var cycling sync.WaitGroup
	for i, cycle := range cycles {
		cycling.Go(func() {
			name := e.path(fmt.Sprintf("cycle-%d.yaml", i))
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					cycle(name, n)
				}
			}
		})
	}
	for range 10 {
		e.flows(neighbour)
	}
	close(stop)
	cycling.Wait()
	for i := range cycles {
		e.remove(fmt.Sprintf("cycle-%d.yaml", i))
	}
	e.Write("last.yaml", virtual("last", "signal: counter"))
	e.flows("last")
	if size := len(e.Log.String()); size > 1<<20 {
		t.Errorf("the log has %d bytes", size)
	}
	e.unharmed()
}

// TestEdgeFileReplaced puts what is no file in the place of a device's file:
// the device goes on, and it is told.
func TestEdgeFileReplaced(t *testing.T) {
	e := startEdge(t, map[string]string{"model.yaml": model, "kept.yaml": virtual("kept", "signal: counter")})
	e.flows("kept")
	const noFile = "it is a folder or a device, a pipe or a socket: want a file"
	path := e.path("kept.yaml")
	for _, tt := range []struct {
		name, want string
		make       func(path string) error
	}{
		{"pipe", noFile, func(path string) error { return syscall.Mkfifo(path, 0o600) }},
		{"device", noFile, func(path string) error { return os.Symlink("/dev/zero", path) }},
		{"dangling link", "the link leads nowhere: want a file", func(path string) error { return os.Symlink("nowhere", path) }},
		{"loop of links", "too many levels of symbolic links", func(path string) error { return os.Symlink("kept.yaml", path) }},
		{"unreadable", "input/output error", func(path string) error { return os.Symlink("/proc/self/mem", path) }},
	} {
		if err := tt.make(e.path(".part")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(e.path(".part"), path); err != nil {
			t.Fatal(err)
		}
		e.told("Device file has a problem: what it held before stays", path, tt.want)
		e.flows("kept")
	}
	e.Write("kept.yaml", virtual("kept", "signal: counter"))
	e.told("Device file is right again", path)
	e.flows("kept")
	e.unbroken("kept")
	e.unharmed()
}

// TestEdgeManyFiles has 1,000 files appear at once, a tenth of them wrong, and
// go again.
func TestEdgeManyFiles(t *testing.T) {
	const files = 1000
	e := startEdge(t, map[string]string{"model.yaml": model})
	name := func(i int) string { return fmt.Sprintf("many-%04d.yaml", i) }
	for i := range files {
		settings := "signal: constant, onChange: true"
		if i%10 == 9 {
			settings = "topic: a//b"
		}
		text := virtual(fmt.Sprintf("many-%04d", i), settings)
		e.Write(name(i), strings.Replace(text, "collectCycle: 20", "collectCycle: 1000", 1))
	}
	stack.Eventually(t, "a value of each right device", func() bool {
		for i := range files {
			if i%10 != 9 && len(e.sub.Messages(fmt.Sprintf("many-%04d", i))) == 0 {
				return false
			}
		}
		return true
	})
	stack.Eventually(t, "a line about each wrong file", func() bool { return e.lines("Device file has a problem", "empty level") == files/10 })
	e.unharmed()
	for i := range files {
		e.remove(name(i))
	}
	stack.Eventually(t, "a line about each device that is removed", func() bool { return e.lines("Device is removed", "many-") == files })
	e.unharmed()
}
