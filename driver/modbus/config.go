package modbus

import (
	"net"
	"regexp"
	"strconv"
	"time"

	"datastub/driver"
)

// config is what a device's settings say.
type config struct {
	address string // host:port
	unit    byte
	timeout time.Duration
}

// The times that timeout may be, and is.
const (
	minTimeout     = 10 * time.Millisecond
	maxTimeout     = time.Minute
	defaultTimeout = time.Second
)

// serialKeys are KubeEdge's settings of a serial line. The first two tell that
// there is one; over TCP they all mean nothing, and nobody is warned of them.
var serialKeys = []string{"serialName", "serialPort", "baudRate", "dataBits", "stopBits", "parity", "rs485Enabled"}

// hostName is a host name, or an IPv4 address, as it can be dialled.
var hostName = regexp.MustCompile(`^[0-9A-Za-z]([0-9A-Za-z._-]{0,251}[0-9A-Za-z])?$`)

// readConfig reads a device's settings; what is wrong is refused at r.
func readConfig(r *driver.Reader) config {
	if !readMode(r) {
		return config{}
	}
	port := r.Int("port", 502, 1, 65535)
	return config{
		address: net.JoinHostPort(readHost(r), strconv.FormatInt(port, 10)),
		unit:    byte(r.Int("slaveID", 1, 0, 255)),
		timeout: r.Duration("timeout", defaultTimeout, minTimeout, maxTimeout),
	}
}

// readMode tells whether the device is on TCP. Otherwise it is refused for
// that alone, as a serial device has no other of the settings here.
func readMode(r *driver.Reader) bool {
	const key, tcp = "communicateMode", "TCP"
	serial := ""
	for _, k := range serialKeys {
		if r.Has(k) && serial == "" {
			serial = k
		}
	}
	switch {
	case !r.Has(key) && serial != "" && !r.Has("ip"):
		r.Refuse(key, nil, "TCP, with ip and port ("+serial+" means RTU, which is not supported yet)")
		return false
	case r.Enum(key, tcp, tcp, "RTU") != tcp:
		r.Refuse(key, r.String(key, ""), "TCP, with ip and port (RTU is not supported yet)")
		return false
	}
	return true
}

func readHost(r *driver.Reader) string {
	const key, want = "ip", "an IP address or a host name, without port"
	host := r.String(key, "")
	switch {
	case !r.Has(key):
		r.Refuse(key, nil, want)
	case net.ParseIP(host) == nil && !hostName.MatchString(host):
		r.Refuse(key, host, want)
	}
	return host
}
