package cloudsvc

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"k8s.io/klog/v2"
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
	api      *API
	listener net.Listener
	http     *http.Server
	conns    sync.WaitGroup // goroutines that serve a connection
	open     atomic.Int64   // how many those are
}

// NewServer binds the address, <host>:<port>; port 0 picks a free one.
// Connections wait until Run.
func NewServer(address string, api *API) (*Server, error) {
	listen := net.ListenConfig{KeepAliveConfig: keepAlive}
	listener, err := listen.Listen(context.Background(), "tcp", address) // binding takes no time that could be cut short
	if err != nil {
		return nil, fmt.Errorf("serve HTTP at %s: %w", address, err)
	}
	s := &Server{api: api, listener: listener}
	s.http = &http.Server{
		Handler:           api,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         s.connState,
		ErrorLog:          log.New(logWriter{api.options.Logger}, "", 0),
	}
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until the context ends. Then it closes the API's Dispatcher, so
// that each stream ends with its last line, waits up to 3 s for what is under
// way, breaks off the rest, and returns when the last connection is closed.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1) // Serve's one result, so that it never waits for Run
	go func() { served <- s.http.Serve(s.listener) }()
	defer s.conns.Wait()
	select {
	case err := <-served:
		s.api.options.Dispatcher.Close()
		return errors.Join(fmt.Errorf("serve HTTP at %v: %w", s.Addr(), err), s.http.Close())
	case <-ctx.Done():
	}
	s.api.options.Dispatcher.Close()
	// The context that ended is no bound for the end itself.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := s.http.Shutdown(bounded)
	<-served
	if err != nil {
		s.api.options.Logger.Info("requests were broken off at shutdown", "after", shutdownTimeout)
		return s.http.Close()
	}
	return nil
}

// connState counts the goroutines that serve connections: http.Server.Close
// does not wait for them. StateNew comes before Serve returns. A connection
// that is one too many is closed before anything is read from it.
func (s *Server) connState(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
		if s.open.Add(1) > connectionLimit() {
			_ = conn.Close()
		}
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
		s.conns.Done()
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

// logWriter takes net/http's complaints about single connections.
type logWriter struct{ logger klog.Logger }

func (l logWriter) Write(line []byte) (int, error) {
	l.logger.V(1).Info("HTTP connection", "err", string(line))
	return len(line), nil
}
