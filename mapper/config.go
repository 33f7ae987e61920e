package mapper

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"datastub/dataplane"
	"datastub/dataplane/build"
	"datastub/dataplane/spool"
)

// Config is the mapper's config.yaml: that of any KubeEdge mapper, which is
// taken as it is, and the keys of the data plane.
type Config struct {
	GRPCServer GRPCServer `yaml:"grpc_server"` // KubeEdge's: not used with devices from a folder
	Common     Common     `yaml:"common"`      // KubeEdge's
	Node       string     `yaml:"node"`        // by default $NODE_NAME, then the host's name
	HTTP       string     `yaml:"http"`        // where /healthz, /readyz, /status, /metrics and /api/v1 are, host:port; empty turns them off
	DeviceAPI  DeviceAPI  `yaml:"deviceAPI"`   // who may read and write devices there
	Devices    Devices    `yaml:"devices"`
	DataPlane  DataPlane  `yaml:"dataplane"`
}

// Where devices come from.
const (
	FromFolder   = "folder"
	FromEdgeCore = "kubeedge"
)

// Devices says where the devices come from.
type Devices struct {
	Source string `yaml:"source"` // folder or kubeedge
	Folder string `yaml:"folder"` // relative to the working directory
}

// DataPlane says where readings go, and how.
type DataPlane struct {
	Registry  string `yaml:"registry"`  // cloudsvc's HTTP address
	Uplink    Link   `yaml:"uplink"`    // an address alone will do
	LAN       string `yaml:"lan"`       // where edge applications subscribe; empty turns it off
	LANFormat string `yaml:"lanFormat"` // json or text
	Socket    string `yaml:"socket"`    // path of the Unix socket where programs on the node publish; empty turns it off
	Batch     Batch  `yaml:"batch"`
	Spool     Spool  `yaml:"spool"`
	Defaults  Rules  `yaml:"defaults"` // for properties that say nothing else
}

// Batch bounds a batch of BT messages: the first bound that is met sends it.
type Batch struct {
	MaxCount int           `yaml:"maxCount"` // messages
	MaxBytes Size          `yaml:"maxBytes"`
	MaxAge   time.Duration `yaml:"maxAge"`
}

// Spool bounds what waits for the uplink.
type Spool struct {
	Dir      string        `yaml:"dir"` // a folder of this mapper's own; empty: memory only
	MaxBytes Size          `yaml:"maxBytes"`
	MaxAge   time.Duration `yaml:"maxAge"` // of what waits in the folder
	Sync     spool.Sync    `yaml:"sync"`   // none, 1s or always: when what is in the folder survives a power loss
}

// DefaultConfig is what holds where config.yaml says nothing.
func DefaultConfig() Config {
	return Config{
		Common: Common{
			Name: "mapper", Version: build.Read().Version, APIVersion: "v1beta1",
			EdgeCoreSock: "/etc/kubeedge/dmi.sock",
		},
		HTTP:    "127.0.0.1:7777", // mapper-framework's port
		Devices: Devices{Source: FromFolder, Folder: "devices"},
		DataPlane: DataPlane{
			Registry: "http://127.0.0.1:8080",
			// What an outage held up comes at some 100,000 values a second: live
			// ones need the rest of a small machine.
			Uplink:    Link{Address: "tcp://127.0.0.1:5557", BackfillRate: 1 << 20},
			LANFormat: "json",
			Batch:     Batch{MaxCount: 1000, MaxBytes: 256 << 10, MaxAge: 5 * time.Second},
			Spool:     Spool{MaxBytes: 1 << 30, MaxAge: 72 * time.Hour},
			Defaults:  DefaultRules(),
		},
	}
}

// LoadConfig reads a config.yaml over DefaultConfig and gives the node its
// name. All that is wrong with the file is reported together, joined, each a
// Problem.
func LoadConfig(path string) (Config, error) {
	data, err := readConfig(path)
	if err != nil {
		return Config{}, err
	}
	c, errs := parseConfig(data)
	if c.Node == "" {
		c.Node = os.Getenv("NODE_NAME")
	}
	if c.Node == "" {
		if c.Node, err = os.Hostname(); err != nil {
			errs = append(errs, field.Required(field.NewPath("node"), "the host has no name: "+err.Error()))
		}
	}
	told := make(map[string]bool)
	for _, err := range errs {
		told[err.Field] = true
	}
	for _, err := range c.validate() {
		if !told[err.Field] {
			errs = append(errs, err)
		}
	}
	return c, joinProblems(path, errs)
}

// parseConfig decodes strictly over DefaultConfig.
func parseConfig(data []byte) (Config, field.ErrorList) {
	c := DefaultConfig()
	var tree any
	err := checkYAML(data)
	switch {
	case errors.Is(err, errUnmarked):
		err = errors.New("another document begins: want one")
	case err == nil:
		err = yaml.Unmarshal(data, &tree)
	}
	if err != nil {
		return c, field.ErrorList{field.TypeInvalid(field.NewPath("(file)"), label("YAML"), yamlReason(err))}
	}
	s := shape{tag: "yaml", loose: true}
	if errs := s.check(nil, tree, reflect.TypeFor[Config]()); len(errs) > 0 {
		_ = yaml.Unmarshal(data, &c) // what can be read is checked too
		return c, errs
	}
	if err := yaml.Unmarshal(data, &c); err != nil {
		return c, field.ErrorList{field.TypeInvalid(field.NewPath("(file)"), label("YAML"), yamlReason(err))}
	}
	return c, c.takeHTTPPort(tree)
}

// takeHTTPPort serves HTTP at the port that KubeEdge's own key names, where the
// tree says nothing of http.
func (c *Config) takeHTTPPort(tree any) field.ErrorList {
	keys, _ := tree.(map[string]any)
	if _, given := keys["http"]; given || c.Common.HTTPPort == "" {
		return nil
	}
	if wrong := checkPort(c.Common.HTTPPort, 0); wrong != "" {
		return field.ErrorList{field.Invalid(field.NewPath("common", "http_port"), c.Common.HTTPPort, wrong)}
	}
	c.HTTP = net.JoinHostPort("127.0.0.1", c.Common.HTTPPort)
	return nil
}

// yamlReason puts a YAML decoder's error on one line.
func yamlReason(err error) string {
	text := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	text = strings.TrimPrefix(text, "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n")
	return strings.Join(strings.Fields(text), " ")
}

// maxConfig is the largest config that is read, in bytes: a hundred times what
// it needs.
const maxConfig = 64 << 10

// readConfig reads a file of at most maxConfig bytes, a pipe too.
func readConfig(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err == nil && len(data) > maxConfig {
		err = fmt.Errorf("read %s: it is larger than %v", path, Size(maxConfig))
	}
	return data, err
}

// minSpool is the least that a spool is given: some hundred readings.
const minSpool Size = 64 << 10

// check tells whether the folder cannot be one. Where it cannot be used for any
// other reason that may change, and a mapper begins in memory.
func (s *Spool) check() *field.Error {
	if info, err := os.Stat(s.Dir); err != nil || info.IsDir() {
		return nil
	}
	return field.Invalid(field.NewPath("dataplane", "spool", "dir"), s.Dir, "there is a file of this name: want a folder of the mapper's own")
}

// aFolder is what devices.folder names.
const aFolder = "a folder with Device and DeviceModel files"

// validate returns everything that is wrong with the values.
func (c *Config) validate() field.ErrorList {
	var v validator
	v.name("node", c.Node)
	v.name("common.name", c.Common.Name)
	switch c.Devices.Source {
	case FromFolder:
		v.want("devices.folder", c.Devices.Folder, c.Devices.Folder != "", aFolder)
	case FromEdgeCore:
		v.edgeCore(c)
	default:
		v.fail("devices.source", c.Devices.Source, "want folder or kubeedge")
	}
	if c.HTTP != "" {
		v.address("http", c.HTTP, checkListen)
	}
	d := &c.DataPlane
	v.address("dataplane.registry", d.Registry, checkHTTP)
	d.Uplink.validate(&v)
	if d.LAN != "" {
		v.address("dataplane.lan", d.LAN, checkBind)
	}
	if d.Socket != "" {
		v.address("dataplane.socket", d.Socket, checkSocket)
	}
	v.want("dataplane.lanFormat", d.LANFormat, d.LANFormat == "json" || d.LANFormat == "text", "json or text")
	v.want("dataplane.batch.maxCount", int64(d.Batch.MaxCount), d.Batch.MaxCount >= 1 && d.Batch.MaxCount <= dataplane.MaxBatch,
		fmt.Sprintf("a whole number from 1 to %d", dataplane.MaxBatch))
	v.want("dataplane.batch.maxBytes", d.Batch.MaxBytes, d.Batch.MaxBytes >= 1, "a size, 1 or more")
	v.want("dataplane.batch.maxAge", d.Batch.MaxAge, d.Batch.MaxAge > 0, "a time above 0s")
	v.want("dataplane.spool.maxBytes", d.Spool.MaxBytes, d.Spool.MaxBytes >= minSpool, "a size, "+minSpool.String()+" or more")
	v.want("dataplane.spool.maxAge", d.Spool.MaxAge, d.Spool.MaxAge > 0, "a time above 0s")
	return append(v.errs, d.Defaults.validate(field.NewPath("dataplane", "defaults"))...)
}

// A validator collects what is wrong with values.
type validator struct{ errs field.ErrorList }

func (v *validator) fail(path string, value any, detail string) {
	v.errs = append(v.errs, field.Invalid(field.NewPath(path), value, detail))
}

func (v *validator) want(path string, value any, ok bool, want string) {
	if !ok {
		v.fail(path, value, "want "+want)
	}
}

func (v *validator) name(path, name string) {
	if err := dataplane.ValidateLevel("name", name); err != nil {
		v.fail(path, name, err.Error())
	}
}

func (v *validator) address(path, address string, check func(string) string) {
	if wrong := check(address); wrong != "" {
		v.fail(path, address, wrong)
	}
}
