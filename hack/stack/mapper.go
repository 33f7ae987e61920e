package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// A Mapper is a mapper with a folder of devices.
type Mapper struct {
	*Program
	Folder string // of its devices
	Config string // its config.yaml
	Boot   string // a file with the id of the boot that it is to see; empty: the machine's own

	stack *Stack
}

// StartMapper starts a mapper on a node, with devices by file name. More is
// further keys of its config's dataplane, indented by two.
func (s *Stack) StartMapper(node string, devices map[string]string, more ...string) *Mapper {
	s.t.Helper()
	dir := filepath.Join(s.dir, node)
	m := &Mapper{stack: s, Folder: filepath.Join(dir, "devices"), Config: filepath.Join(dir, "config.yaml")}
	if err := os.MkdirAll(m.Folder, 0o755); err != nil {
		s.t.Fatal(err)
	}
	for name, text := range devices {
		m.Write(name, text)
	}
	config := fmt.Sprintf(`
node: %s
http: 127.0.0.1:0
common: {name: mapper}
devices: {source: folder, folder: %s}
dataplane:
  registry: http://%s
  uplink: %s
  batch: {maxCount: 1000, maxBytes: 256Ki, maxAge: 500ms}
`, node, m.Folder, s.HTTP, s.Dial)
	for _, keys := range more {
		config += keys + "\n"
	}
	if err := os.WriteFile(m.Config, []byte(config), 0o600); err != nil {
		s.t.Fatal(err)
	}
	m.Restart()
	return m
}

// Restart starts the mapper, again. With another Boot than the machine's it takes
// root.
func (m *Mapper) Restart() {
	m.stack.t.Helper()
	var under []string
	if m.Boot != "" {
		under = []string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"`, m.Boot}
	}
	m.Program = startUnder(m.stack.t, under, "mapper", "--config-file", m.Config)
}

// served finds where a mapper serves HTTP in its log.
var served = regexp.MustCompile(`"Serving /healthz.* http="(http://[^"]+)"`)

// URL returns the mapper's HTTP address, once it is served.
func (m *Mapper) URL() string {
	m.stack.t.Helper()
	var found []string
	Eventually(m.stack.t, "the mapper serves HTTP", func() bool {
		found = served.FindStringSubmatch(m.Log.String())
		return found != nil
	})
	return found[1]
}

// Write writes a file of devices, in one step.
func (m *Mapper) Write(name, text string) {
	m.stack.t.Helper()
	path := filepath.Join(m.Folder, name)
	if err := os.WriteFile(path+".tmp", []byte(text), 0o600); err != nil {
		m.stack.t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		m.stack.t.Fatal(err)
	}
}
