package cloudsvc

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"datastub/dataplane/rest"
)

const (
	headerTimeout   = 10 * time.Second // to send the header of a request
	idleTimeout     = 2 * time.Minute  // between two requests of a connection
	maxHeaderBytes  = 64 << 10
	shutdownTimeout = 3 * time.Second // for requests and last lines under way
)

// keepAlive finds a peer that vanished from a silent stream within 35 s.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 4}

// A Server serves an API at a TCP address. There is no timeout for an answer
// as a whole, as streams have no end; each write of a stream has one.
type Server struct {
	*rest.Server
	dispatcher *Dispatcher
}

// NewServer binds the address, <host>:<port>; port 0 picks a free one.
// Connections wait until Run.
func NewServer(address string, api *API) (*Server, error) {
	listen := net.ListenConfig{KeepAliveConfig: keepAlive}
	listener, err := listen.Listen(context.Background(), "tcp", address) // binding takes no time that could be cut short
	if err != nil {
		return nil, fmt.Errorf("serve HTTP at %s: %w", address, err)
	}
	settings := &http.Server{
		Handler:           api,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         new(connections).observe,
	}
	return &Server{rest.NewServer(listener, settings, shutdownTimeout, api.options.Logger), api.options.Dispatcher}, nil
}

// Run serves until the context ends. Then it closes the API's Dispatcher, so
// that each stream ends with its last line, waits up to 3 s for what is under
// way, breaks off the rest, and returns when the last connection is closed.
func (s *Server) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, s.dispatcher.Close)()
	return s.Server.Run(ctx)
}

// connections are those that are open.
type connections struct{ open atomic.Int64 }

// observe takes what a connection has become. One that is too many is closed
// before anything is read from it.
func (c *connections) observe(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if c.open.Add(1) > connectionLimit() {
			_ = conn.Close()
		}
	case http.StateClosed, http.StateHijacked:
		c.open.Add(-1)
	}
}

// connectionLimit returns three eighths of the file descriptors that the
// process may have: the uplink takes as many, and the log, which stands still
// without, has the rest.
func connectionLimit() int64 {
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil {
		return 1 << 10
	}
	return int64(min(files.Cur, 1<<20) * 3 / 8)
}
