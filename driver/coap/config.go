package coap

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"datastub/driver"
)

// config is what a device's settings say.
type config struct {
	address string // host:port
	secure  bool   // over DTLS
	key     psk    // where it is secure
	timeout time.Duration
	retries int64
}

// The times that timeout may be, and is: RFC 7252's ACK_TIMEOUT.
const (
	minTimeout     = 100 * time.Millisecond
	maxTimeout     = time.Minute
	defaultTimeout = 2 * time.Second
)

// The ports of the two schemes, RFC 7252 section 6.
const (
	port       = "5683"
	securePort = "5684"
)

// readConfig reads a device's settings; what is wrong is refused at r.
func readConfig(r *driver.Reader) config {
	c := config{
		timeout: r.Duration("timeout", defaultTimeout, minTimeout, maxTimeout),
		retries: r.Int("retries", 2, 0, 10),
	}
	c.address, c.secure = readAddress(r)
	c.key = readPSK(r, c.secure)
	return c
}

// patience is how long an answer may take, retries included.
func (c *config) patience() time.Duration { return time.Duration(c.retries+1) * c.timeout }

// readAddress reads host:port and whether it is spoken to over DTLS.
func readAddress(r *driver.Reader) (address string, secure bool) {
	const key, want = "address", "host, host:port, coap://host:port or coaps://host:port"
	text := r.String(key, "")
	if text == "" {
		r.Refuse(key, nil, want)
		return "", false
	}
	full := text
	if !strings.Contains(text, "://") {
		full = "coap://" + text
	}
	u, err := url.Parse(full)
	scheme := ""
	if err == nil {
		scheme = strings.ToLower(u.Scheme)
	}
	if (scheme != "coap" && scheme != "coaps") || u.Hostname() == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || !isPort(u.Port()) {
		r.Refuse(key, text, want)
		return "", false
	}
	secure = scheme == "coaps"
	switch {
	case u.Port() != "":
		return net.JoinHostPort(u.Hostname(), u.Port()), secure
	case secure:
		return net.JoinHostPort(u.Hostname(), securePort), secure
	}
	return net.JoinHostPort(u.Hostname(), port), secure
}

// isPort tells whether text is a port, or empty.
func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && n > 0
}
