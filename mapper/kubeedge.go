package mapper

import (
	"fmt"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"datastub/mapper/socket"
)

// Common has the keys that every KubeEdge mapper's config has. With devices
// from a folder only the name and the port mean something.
type Common struct {
	Name         string    `yaml:"name"`          // the mapper's
	Version      string    `yaml:"version"`       // of the mapper, as EdgeCore is told; by default the program's
	APIVersion   string    `yaml:"api_version"`   // of the mapper, as EdgeCore is told
	Protocols    Protocols `yaml:"protocol"`      // one or several: those whose devices EdgeCore gives this mapper
	Address      string    `yaml:"address"`       // where mapper-framework serves its REST API
	EdgeCoreSock string    `yaml:"edgecore_sock"` // path of EdgeCore's socket
	HTTPPort     string    `yaml:"http_port"`     // the port of http, where that key is not given
}

// GRPCServer says where EdgeCore calls the mapper.
type GRPCServer struct {
	SocketPath string `yaml:"socket_path"` // by default /etc/kubeedge/<name>.sock
}

// A Registration is what the mapper is to EdgeCore for one protocol: EdgeCore
// knows one mapper a protocol, keeps them by their names for ever, and dials
// the socket at the path that it sees itself.
type Registration struct{ Protocol, Name, Socket string }

// Registrations returns one a protocol. With several, the protocol is added to
// the mapper's name, and to its socket's: /etc/kubeedge/mapper.sock becomes
// /etc/kubeedge/mapper-modbus.sock.
func (c *Config) Registrations() []Registration {
	path := c.GRPCServer.SocketPath
	if path == "" {
		path = filepath.Join("/etc/kubeedge", c.Common.Name+".sock")
	}
	if len(c.Common.Protocols) == 1 {
		return []Registration{{Protocol: c.Common.Protocols[0], Name: c.Common.Name, Socket: path}}
	}
	var all []Registration
	for _, protocol := range c.Common.Protocols {
		end := filepath.Ext(path)
		all = append(all, Registration{
			Protocol: protocol,
			Name:     c.Common.Name + "-" + protocol,
			Socket:   strings.TrimSuffix(path, end) + "-" + protocol + end,
		})
	}
	return all
}

// CheckProtocols returns what is wrong with devices from EdgeCore where a
// protocol has no driver: it would be given devices that nobody can read.
func (c *Config) CheckProtocols(drivers Drivers) error {
	if c.Devices.Source != FromEdgeCore {
		return nil
	}
	for _, protocol := range c.Common.Protocols {
		if _, err := drivers.find(protocol); err != nil {
			return field.Invalid(field.NewPath("common", "protocol"), protocol, err.Error())
		}
	}
	return nil
}

// edgeCore checks what devices from EdgeCore need.
func (v *validator) edgeCore(c *Config) {
	if len(c.Common.Protocols) == 0 {
		v.errs = append(v.errs, field.Required(field.NewPath("common.protocol"),
			"want the protocolName of the devices that the mapper is to have, such as modbus, or a list"))
	}
	seen := map[string]bool{}
	for _, protocol := range c.Common.Protocols {
		v.name("common.protocol", protocol)
		if seen[protocol] {
			v.fail("common.protocol", protocol, "it is named twice")
		}
		seen[protocol] = true
	}
	v.address("common.edgecore_sock", c.Common.EdgeCoreSock, checkAbsolute)
	if given := c.GRPCServer.SocketPath; given != "" && checkAbsolute(given) != "" {
		v.address("grpc_server.socket_path", given, checkAbsolute)
		return
	}
	for _, r := range c.Registrations() {
		v.address("grpc_server.socket_path", r.Socket, checkAbsolute)
		v.own("grpc_server.socket_path", r.Socket, "common.edgecore_sock", c.Common.EdgeCoreSock)
		v.own("grpc_server.socket_path", r.Socket, "dataplane.socket", c.DataPlane.Socket)
	}
}

// own wants a socket of the mapper's to be no other key's: that of EdgeCore
// would be replaced while EdgeCore is away.
func (v *validator) own(path, address, key, other string) {
	if filepath.Clean(address) == filepath.Clean(other) {
		v.fail(path, address, fmt.Sprintf("%s is the same: want a path of its own, such as /etc/kubeedge/mapper.sock", key))
	}
}

// checkAbsolute checks the path of a socket that EdgeCore knows, too.
func checkAbsolute(path string) string {
	const want = ": want the path that EdgeCore sees, such as /etc/kubeedge/mapper.sock"
	if wrong := socket.CheckPath(path); wrong != "" {
		return wrong + want
	}
	if !filepath.IsAbs(path) {
		return fmt.Sprintf("it is relative, and EdgeCore runs elsewhere%s", want)
	}
	return ""
}
