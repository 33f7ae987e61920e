package mapper

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"datastub/hack/poll"
)

func TestMain(m *testing.M) {
	// klog flushes its files from a goroutine of its own, for ever.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"))
}

// A board is a Target that holds what is wanted, and counts.
type board struct {
	mu      sync.Mutex
	specs   map[Key]Spec
	puts    map[Key]int
	removes int
}

func newBoard() *board { return &board{specs: map[Key]Spec{}, puts: map[Key]int{}} }

func (b *board) Put(spec Spec) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.specs[spec.Key] = spec
	b.puts[spec.Key]++
}

func (b *board) Remove(key Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.specs, key)
	b.removes++
}

// addresses returns the setting ip of each device that is not void, by name.
func (b *board) addresses() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := map[string]string{}
	for key, spec := range b.specs {
		if !spec.Void {
			got[key.Name] = fmt.Sprint(spec.Settings["ip"])
		}
	}
	return got
}

// A watched is a Folder that runs over a new folder of files.
type watched struct {
	t     *testing.T
	dir   string
	board *board
	log   klog.Logger
}

// watch starts a Folder. It ends with the test.
func watch(t *testing.T, dir string, rescan time.Duration) *watched {
	t.Helper()
	w := &watched{t: t, dir: dir, board: newBoard(), log: ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true)))}
	vet := Drivers{"modbus": newScript()}.Vet
	f, err := NewFolder(FolderOptions{Dir: dir, Defaults: DefaultRules(), Vet: vet, Rescan: rescan})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(klog.NewContext(t.Context(), w.log))
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx, w.board) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return w
}

// write puts a file in place in one step, as careful editors do.
func (w *watched) write(name, text string) {
	w.t.Helper()
	part := writeFile(w.t, w.dir, "."+name+".part", text)
	if err := os.Rename(part, filepath.Join(w.dir, name)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) remove(name string) {
	w.t.Helper()
	if err := os.Remove(filepath.Join(w.dir, name)); err != nil {
		w.t.Fatal(err)
	}
}

// logged returns how many lines of the log hold all the texts.
func (w *watched) logged(texts ...string) int {
	n := 0
	for line := range strings.Lines(w.log.GetSink().(ktesting.Underlier).GetBuffer().String()) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			n++
		}
	}
	return n
}

// wantLogged waits until that many lines of a severity, "E" or "INFO ", hold all
// the texts.
func (w *watched) wantLogged(n int, severity string, texts ...string) {
	w.t.Helper()
	log := w.log.GetSink().(ktesting.Underlier).GetBuffer()
	eventually(w.t, fmt.Sprintf("%d %slines with %q; log:\n%s", n, severity, texts, log), func() bool {
		return w.logged(append(texts, severity)...) == n
	})
}

// eventually waits until a condition holds, at the most 10 s.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	poll.Within(t, 10*time.Second, what, holds)
}

// want waits until the devices and their addresses are those.
func (w *watched) want(addresses map[string]string) {
	w.t.Helper()
	eventually(w.t, fmt.Sprintf("%v; log:\n%s", addresses, w.log.GetSink().(ktesting.Underlier).GetBuffer()), func() bool {
		return reflect.DeepEqual(w.board.addresses(), addresses)
	})
}

const pumpModel = header + "kind: DeviceModel\nmetadata: {name: pump}\nspec: {protocol: modbus, properties: [{name: a, type: INT, accessMode: ReadOnly}]}\n"

func pump(name, ip string) string {
	return header + "kind: Device\nmetadata: {name: " + name + "}\nspec: {deviceModelRef: {name: pump}, " +
		"protocol: {protocolName: modbus, configData: {ip: " + ip + "}}, properties: [{name: a}]}\n"
}

type addresses = map[string]string

func TestFolderFollowsFiles(t *testing.T) {
	t.Parallel()
	w := watch(t, t.TempDir(), time.Hour) // by notifications alone
	w.write("model.yaml", pumpModel)
	w.write("one.yaml", pump("one", "A"))
	w.write("two.yml", pump("two", "B")+"---\n"+pump("three", "C"))
	w.write("four.json", `{"apiVersion":"devices.kubeedge.io/v1beta1","kind":"Device","metadata":{"name":"four"},`+
		`"spec":{"deviceModelRef":{"name":"pump"},"protocol":{"protocolName":"modbus","configData":{"ip":"D"}}}}`)
	w.write("notes.txt", "not a device")
	w.want(addresses{"one": "A", "two": "B", "three": "C", "four": "D"})
	w.write("one.yaml", pump("one", "A2"))
	w.write("two.yml", pump("two", "B"))
	w.want(addresses{"one": "A2", "two": "B", "four": "D"})
	if err := os.Rename(filepath.Join(w.dir, "one.yaml"), filepath.Join(w.dir, "uno.yaml")); err != nil {
		t.Fatal(err)
	}
	w.remove("two.yml")
	w.want(addresses{"one": "A2", "four": "D"})
	if err := os.Rename(filepath.Join(w.dir, "uno.yaml"), filepath.Join(w.dir, "uno.txt")); err != nil {
		t.Fatal(err)
	}
	w.want(addresses{"four": "D"})
	w.board.mu.Lock()
	defer w.board.mu.Unlock()
	if got := w.board.puts[Key{"default", "two"}]; got != 1 {
		t.Errorf("two was put %d times, want once: nothing of it changed", got)
	}
}

func TestFolderRescans(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "later")
	w := watch(t, dir, 10*time.Millisecond)
	eventually(t, "told of the missing folder", func() bool { return w.logged("no such file or directory") == 1 })
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.write("all.yaml", pumpModel+"---\n"+pump("one", "A"))
	w.want(addresses{"one": "A"})
	// While the folder is away, what it held stays in force.
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "told of the folder that went", func() bool { return w.logged("no such file or directory") == 2 })
	if got := w.board.addresses(); !reflect.DeepEqual(got, addresses{"one": "A"}) {
		t.Errorf("got %v", got)
	}
	w.wantLogged(2, "ERROR ", "Folder of devices cannot be read: what it held before stays", `folder="`+dir+`"`,
		`err="devices.folder: Invalid value: \"`+dir+`\": no such file or directory: want a folder with Device and DeviceModel files"`)
	w.wantLogged(1, "INFO ", "Folder of devices can be read again", `folder="`+dir+`"`)
}

// Kubernetes mounts a ConfigMap as links into ..data, a link that it swaps.
func TestFolderConfigMap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	version := func(name, text string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), "all.yaml", text)
		link := filepath.Join(dir, "..data_tmp")
		if err := os.Symlink(name, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	version("..1", pumpModel+"---\n"+pump("one", "A"))
	if err := os.Symlink("..data/all.yaml", filepath.Join(dir, "all.yaml")); err != nil {
		t.Fatal(err)
	}
	w := watch(t, dir, time.Hour)
	w.want(addresses{"one": "A"})
	version("..2", pumpModel+"---\n"+pump("one", "A2")+"---\n"+pump("two", "B"))
	w.want(addresses{"one": "A2", "two": "B"})
}

func TestFolderBadFile(t *testing.T) {
	t.Parallel()
	w := watch(t, t.TempDir(), 10*time.Millisecond)
	w.write("model.yaml", pumpModel)
	w.write("one.yaml", pump("one", "A"))
	w.write("two.yaml", pump("two", "B"))
	w.want(addresses{"one": "A", "two": "B"})
	w.write("one.yaml", strings.Replace(pump("one", "A2"), "properties", "propertys", 1))
	eventually(t, "told of the bad file", func() bool { return w.logged("one.yaml") > 0 })
	w.write("two.yaml", pump("two", "B2"))
	w.want(addresses{"one": "A", "two": "B2"}) // after several scans of the bad file
	if got := w.logged("one.yaml"); got != 1 {
		t.Errorf("the bad file was told of %d times", got)
	}
	w.write("one.yaml", pump("one", "A3"))
	w.want(addresses{"one": "A3", "two": "B2"})
	w.write("one.yaml", "kind: nonsense")
	eventually(t, "told of the next bad content", func() bool { return w.logged("one.yaml", "nonsense") == 1 })
	w.remove("one.yaml")
	w.want(addresses{"two": "B2"})
}

func TestFolderDeviceInTwoFiles(t *testing.T) {
	t.Parallel()
	w := watch(t, t.TempDir(), 10*time.Millisecond)
	w.write("b.yaml", pumpModel+"---\n"+pump("one", "B"))
	w.want(addresses{"one": "B"})
	w.write("a.yaml", pump("one", "A"))
	w.want(addresses{"one": "A"})
	eventually(t, "told of the second", func() bool {
		return w.logged("b.yaml", "Device default/one is in "+filepath.Join(w.dir, "a.yaml")+" already") == 1
	})
	w.remove("a.yaml")
	w.want(addresses{"one": "B"})
}

func TestFolderModelLater(t *testing.T) {
	t.Parallel()
	w := watch(t, t.TempDir(), 10*time.Millisecond)
	w.write("one.yaml", pump("one", "A"))
	eventually(t, "told of the missing model", func() bool { return w.logged("spec.deviceModelRef.name: Not found") == 1 })
	w.write("z-model.yaml", pumpModel)
	w.want(addresses{"one": "A"})
	w.write("z-model.yaml", strings.Replace(pumpModel, "INT", "FLOAT", 1))
	eventually(t, "the model's type", func() bool {
		w.board.mu.Lock()
		defer w.board.mu.Unlock()
		return w.board.specs[Key{"default", "one"}].Properties[0].Point.Type == "FLOAT"
	})
	w.remove("z-model.yaml")
	w.want(addresses{})
}

func TestFolderUnreadableFiles(t *testing.T) {
	t.Parallel()
	w := watch(t, t.TempDir(), 10*time.Millisecond)
	w.write("all.yaml", pumpModel+"---\n"+pump("one", "A"))
	w.write("large.yaml", strings.Repeat("#", maxFile+1))
	if err := os.Mkdir(filepath.Join(w.dir, "folder.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(w.dir, "dangling.yaml")); err != nil {
		t.Fatal(err)
	}
	w.want(addresses{"one": "A"})
	eventually(t, "told of the large file", func() bool { return w.logged("large.yaml", "larger than 1Mi") == 1 })
	w.wantLogged(1, "ERROR ", "dangling.yaml", "the link leads nowhere: want a file")
	w.wantLogged(1, "ERROR ", "folder.yaml", "it is a folder or a device, a pipe or a socket: want a file")
}
