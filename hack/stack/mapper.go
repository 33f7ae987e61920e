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
	node  string
}

// StartMapper starts a mapper on a node, with devices by file name. More is
// further keys of its config's dataplane, indented by two.
func (s *Stack) StartMapper(node string, devices map[string]string, more ...string) *Mapper {
	s.t.Helper()
	m := s.newMapper(node)
	if err := os.MkdirAll(m.Folder, 0o755); err != nil {
		s.t.Fatal(err)
	}
	for name, text := range devices {
		m.Write(name, text)
	}
	m.configure(fmt.Sprintf("common: {name: mapper}\ndevices: {source: folder, folder: %s}", m.Folder), more)
	m.Restart()
	return m
}

// StartEdgeMapper starts a mapper of all protocols whose devices come from
// EdgeCore. Its own socket is beside EdgeCore's. More is as with StartMapper.
func (s *Stack) StartEdgeMapper(node, edgecore string, more ...string) *Mapper {
	s.t.Helper()
	m := s.newMapper(node)
	m.configure(fmt.Sprintf(`common: {name: mapper, protocol: 'modbus, virtual', edgecore_sock: %s}
grpc_server: {socket_path: %s}
devices: {source: kubeedge}`, edgecore, filepath.Join(filepath.Dir(edgecore), "mapper.sock")), more)
	m.Restart()
	return m
}

func (s *Stack) newMapper(node string) *Mapper {
	s.t.Helper()
	dir := filepath.Join(s.dir, node)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		s.t.Fatal(err)
	}
	return &Mapper{stack: s, node: node, Folder: filepath.Join(dir, "devices"), Config: filepath.Join(dir, "config.yaml")}
}

// configure writes the config: where the devices come from, and further keys of
// its dataplane.
func (m *Mapper) configure(source string, more []string) {
	m.stack.t.Helper()
	config := fmt.Sprintf(`
node: %s
http: 127.0.0.1:0
%s
dataplane:
  registry: http://%s
  uplink: %s
  batch: {maxCount: 1000, maxBytes: 256Ki, maxAge: 500ms}
`, m.node, source, m.stack.HTTP, m.stack.Dial)
	for _, keys := range more {
		config += keys + "\n"
	}
	if err := os.WriteFile(m.Config, []byte(config), 0o600); err != nil {
		m.stack.t.Fatal(err)
	}
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
