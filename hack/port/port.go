// Package port finds ports of loopback for programs that tests start.
package port

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

// Ports are given from below those that Linux gives to whoever asks for any
// (net.ipv4.ip_local_port_range): a program that is restarted finds its own
// free, whatever was dialled meanwhile.
const (
	firstPort = 20_000
	ports     = 12_000
)

// given counts the ports that were given.
var given atomic.Int64

// Free returns a TCP port that nobody listens on, each once in a process.
// Processes begin at different ones.
func Free() (string, error) {
	for range ports {
		port := strconv.Itoa(firstPort + (os.Getpid()*97+int(given.Add(1)))%ports)
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close()
			return port, nil
		}
	}
	return "", fmt.Errorf("no port from %d to %d is free", firstPort, firstPort+ports-1)
}
