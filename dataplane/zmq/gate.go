package zmq

import (
	"fmt"
	"net"
	"syscall"

	zmq "github.com/pebbe/zmq4"
)

// gate bounds the connections of a listening socket, which ZeroMQ does not:
// without file descriptors the log would stand still. What is one too many is
// shut as soon as it is accepted; a mapper takes that for a break, and comes
// again after its back-off. The events of a monitor tell of both.
type gate struct {
	monitor *monitor
	port    int
	limit   func() int       // of connections
	open    map[int]struct{} // by file descriptor
}

// newGate watches a socket that is not bound yet.
func newGate(zctx *zmq.Context, socket *zmq.Socket) (*gate, error) {
	monitor, err := newMonitor(zctx, socket, "router", zmq.EVENT_ACCEPTED|zmq.EVENT_DISCONNECTED)
	if err != nil {
		return nil, err
	}
	return &gate{monitor: monitor, limit: connectionLimit, open: make(map[int]struct{})}, nil
}

// connectionLimit returns three eighths of the file descriptors that the
// process may have: HTTP takes as many, and the log has the rest.
func connectionLimit() int {
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil {
		return 1 << 10
	}
	return int(min(files.Cur, 1<<20) * 3 / 8)
}

// observe takes what the monitor tells.
func (g *gate) observe() {
	for {
		event, fd, ok := g.monitor.next()
		if !ok {
			return
		}
		switch event {
		case zmq.EVENT_ACCEPTED:
			g.open[fd] = struct{}{}
			if len(g.open) > g.limit() {
				g.shut(fd)
			}
		case zmq.EVENT_DISCONNECTED:
			delete(g.open, fd)
		}
	}
}

// shut ends a connection; ZeroMQ notices, and closes it. By now the number may
// be another file's: one that is no connection to the port is let alone, and
// one that is came later still.
func (g *gate) shut(fd int) {
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return
	}
	switch name := name.(type) {
	case *syscall.SockaddrInet4:
		if name.Port != g.port {
			return
		}
	case *syscall.SockaddrInet6:
		if name.Port != g.port {
			return
		}
	default:
		return
	}
	_ = syscall.Shutdown(fd, syscall.SHUT_RDWR)
}

// listen learns where the socket is bound.
func (g *gate) listen(endpoint string) error {
	_, port, err := net.SplitHostPort(endpoint[len("tcp://"):])
	if err != nil {
		return fmt.Errorf("endpoint %s: %w", endpoint, err)
	}
	g.port, err = net.LookupPort("tcp", port)
	return err
}
