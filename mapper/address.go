package mapper

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"datastub/mapper/socket"
)

// CutZMQ returns what follows the scheme of a push method's address that names
// the data plane, zmq://… in letters of any case.
func CutZMQ(address string) (rest string, ok bool) {
	const scheme = "zmq://"
	if len(address) < len(scheme) || !strings.EqualFold(address[:len(scheme)], scheme) {
		return "", false
	}
	return address[len(scheme):], true
}

// CheckDial returns what is wrong with a ZeroMQ address that is dialled, and
// what would be right.
func CheckDial(address string) error { return addressError(address, checkDial(address)) }

// CheckBind returns what is wrong with a ZeroMQ address that is bound, and
// what would be right. Port 0 is any that is free.
func CheckBind(address string) error { return addressError(address, checkBind(address)) }

func addressError(address, wrong string) error {
	if wrong == "" {
		return nil
	}
	return fmt.Errorf("%.64q: %s", address, wrong)
}

// checkDial checks a ZeroMQ address that is dialled: what is wrong with it and
// what would be right, or nothing.
func checkDial(address string) string {
	const want = ": want tcp://host:port, such as tcp://127.0.0.1:5557, or ipc://path"
	if wrong := checkZeroMQ(address, 1); wrong != "" {
		return wrong + want
	}
	if strings.HasPrefix(address, "tcp://*:") {
		return `"*" is no host to dial` + want
	}
	return ""
}

// checkBind checks a ZeroMQ address that is bound, as checkDial does one that
// is dialled. Port 0 is any that is free.
func checkBind(address string) string {
	if wrong := checkZeroMQ(address, 0); wrong != "" {
		return wrong + ": want tcp://host:port, such as tcp://127.0.0.1:5556, tcp://*:5556 for every interface, or ipc://path"
	}
	return ""
}

// checkZeroMQ checks what dialled and bound addresses have in common.
func checkZeroMQ(address string, lowestPort uint64) string {
	if path, ok := strings.CutPrefix(address, "ipc://"); ok {
		if path == "" {
			return "no path"
		}
		return ""
	}
	hostPort, ok := strings.CutPrefix(address, "tcp://")
	if !ok {
		return "neither tcp:// nor ipc://"
	}
	host, port, err := net.SplitHostPort(hostPort)
	switch {
	case err != nil:
		return "no host:port"
	case host == "":
		return "no host"
	case strings.ContainsAny(host, "/@? \t"):
		return fmt.Sprintf("%q is no host", host)
	}
	return checkPort(port, lowestPort)
}

// checkHTTP checks the address of an HTTP server, as checkDial does ZeroMQ's.
func checkHTTP(address string) string {
	const want = ": want http://host:port or https://host:port, such as http://127.0.0.1:8080"
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return "no URL" + want
	case u.Scheme != "http" && u.Scheme != "https":
		return "neither http:// nor https://" + want
	case u.Hostname() == "":
		return "no host" + want
	case u.Port() == "": // the scheme's own
		return ""
	}
	if wrong := checkPort(u.Port(), 1); wrong != "" {
		return wrong + want
	}
	return ""
}

// checkSocket checks the path of the socket where programs publish, as checkDial
// does ZeroMQ's address.
func checkSocket(path string) string {
	if wrong := socket.CheckPath(path); wrong != "" {
		return wrong + ": want a path such as /run/datastub/publish.sock"
	}
	return ""
}

func checkPort(port string, lowest uint64) string {
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n < lowest {
		return fmt.Sprintf("port %q is no number from %d to 65535", port, lowest)
	}
	return ""
}
