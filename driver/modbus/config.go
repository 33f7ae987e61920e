package modbus

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"datastub/driver"
)

// config is what a device's settings say.
type config struct {
	line    lineConfig
	unit    byte
	timeout time.Duration
	retries int // of a read
	// The least time between an answer and the next request, and between
	// connecting and the first.
	pause, connectPause time.Duration
}

// The times that timeout may be, and is.
const (
	minTimeout     = 10 * time.Millisecond
	maxTimeout     = time.Minute
	defaultTimeout = time.Second
)

// One retry mends what is damaged now and then; what is damaged twice in a row
// is no accident, and others wait.
const (
	maxRetries     = 10
	defaultRetries = 1
)

const maxPause = time.Minute

// The keys of one way to reach a device mean nothing where it is reached by
// another, and nobody is warned of them: KubeEdge's CRs have them all.
var (
	serialKeys = []string{"serialName", "serialPort", "baudRate", "dataBits", "stopBits", "parity", "rs485Enabled"}
	socketKeys = []string{"ip", "port"}
)

// hostName is a host name, or an IPv4 address, as it can be dialled.
var hostName = regexp.MustCompile(`^[0-9A-Za-z]([0-9A-Za-z._-]{0,251}[0-9A-Za-z])?$`)

// readConfig reads a device's settings; what is wrong is refused at r.
func readConfig(r *driver.Reader) config {
	m := readMode(r)
	least, most := int64(0), int64(255)
	if !m.numbered() {
		least, most = 1, maxUnit
	}
	return config{
		line:         readLine(r, m),
		unit:         byte(r.Int("slaveID", 1, least, most)),
		timeout:      r.Duration("timeout", defaultTimeout, minTimeout, maxTimeout),
		retries:      int(r.Int("retries", defaultRetries, 0, maxRetries)),
		pause:        r.Duration("pause", 0, 0, maxPause),
		connectPause: r.Duration("connectPause", 0, 0, maxPause),
	}
}

// readMode returns how a device is reached. A serial port and no ip mean RTU, as
// with KubeEdge.
func readMode(r *driver.Reader) mode {
	serial := hasAny(r, serialKeys[:2])
	socket := hasAny(r, socketKeys[:1])
	def := overTCP
	if serial && !socket {
		def = overSerial
	}
	words := make([]string, len(modes))
	for m := range modes {
		words[m] = modes[m].word
	}
	word := r.Enum("communicateMode", def.String(), words...)
	for m := range modes {
		if modes[m].word == word {
			return mode(m)
		}
	}
	return def
}

// hasAny tells whether any of the keys is given, all of which count as read.
func hasAny(r *driver.Reader, keys []string) bool {
	given := false
	for _, key := range keys {
		given = r.Has(key) || given
	}
	return given
}

func readLine(r *driver.Reader, m mode) lineConfig {
	if m == overSerial {
		hasAny(r, socketKeys)
		return lineConfig{mode: m, address: readSerialPort(r), serial: readSerial(r)}
	}
	hasAny(r, serialKeys)
	host := readHost(r)
	port := r.Int("port", modes[m].port, 1, 65535)
	c := lineConfig{mode: m, address: net.JoinHostPort(host, strconv.FormatInt(port, 10))}
	if m == overTLS {
		c.tls = readTLS(r, host)
	}
	return c
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

// readSerialPort takes both of KubeEdge's spellings.
func readSerialPort(r *driver.Reader) string {
	const key, other, want = "serialName", "serialPort", "the path of a serial port, such as /dev/ttyUSB0"
	path := r.String(key, r.String(other, ""))
	switch {
	case r.Has(key) && r.Has(other) && r.String(other, "") != path:
		r.Refuse(other, r.String(other, ""), "absent, as "+key+" is "+path)
	case path == "":
		r.Refuse(key, nil, want)
	case !filepath.IsAbs(path):
		r.Refuse(key, path, want)
	}
	return filepath.Clean(path)
}

// readSerial reads the settings of a serial line. What is not given is as the
// specification has it, section 2.5.1, but for a second stop bit in place of
// parity, which few have.
func readSerial(r *driver.Reader) serialConfig {
	words := make([]string, len(parities))
	for p := range parities {
		words[p] = parities[p].word
	}
	c := serialConfig{
		baudRate: int(r.Int("baudRate", 19200, 50, 4_000_000)),
		stopBits: int(r.Int("stopBits", 1, 1, 2)),
		rs485:    r.Bool("rs485Enabled", false),
	}
	if bits := r.Int("dataBits", 8, 5, 8); bits != 8 {
		r.Refuse("dataBits", bits, "8: RTU sends bytes")
	}
	word := r.Enum("parity", words[even], words...)
	for p := range parities {
		if words[p] == word {
			c.parity = parity(p)
		}
	}
	return c
}

// readTLS reads the settings of TLS to a host.
func readTLS(r *driver.Reader, host string) tlsConfig {
	c := tlsConfig{
		ca:         r.String("tlsCA", ""),
		cert:       r.String("tlsCert", ""),
		key:        r.String("tlsKey", ""),
		serverName: r.String("tlsServerName", host),
	}
	for _, file := range []struct{ key, path string }{{"tlsCA", c.ca}, {"tlsCert", c.cert}, {"tlsKey", c.key}} {
		if file.path != "" && !filepath.IsAbs(file.path) {
			r.Refuse(file.key, file.path, "the path of a file in PEM, from /")
		}
	}
	switch {
	case c.cert != "" && c.key == "":
		r.Refuse("tlsKey", nil, fmt.Sprintf("the key of tlsCert %s", c.cert))
	case c.key != "" && c.cert == "":
		r.Refuse("tlsCert", nil, fmt.Sprintf("the certificate of tlsKey %s", c.key))
	}
	return c
}
