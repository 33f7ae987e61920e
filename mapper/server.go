package mapper

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
	"k8s.io/klog/v2"
)

const (
	headerTimeout  = 5 * time.Second // to send the header of a request
	idleTimeout    = 30 * time.Second
	answerTimeout  = time.Minute // from the header to the end of the answer: a body has 30 s of it
	maxHeaderBytes = 16 << 10
	// maxConnections is how many clients are served at once; others wait. Each
	// that does nothing is gone after idleTimeout.
	maxConnections = 512
	// serverGrace is for requests under way when the server stops: as long as
	// devices have.
	serverGrace = DefaultStopLimit
)

// A server serves HTTP on a listener.
type server struct {
	listener net.Listener
	http     *http.Server
	conns    sync.WaitGroup // goroutines that serve a connection
	logger   klog.Logger
}

// newServer returns the server of a listener, which run closes, or close where
// run is not called.
func newServer(listener net.Listener, handler http.Handler, logger klog.Logger) *server {
	s := &server{listener: netutil.LimitListener(listener, maxConnections), logger: logger}
	s.http = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		WriteTimeout:      answerTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         s.connState,
		ErrorLog:          log.New(connectionLog{logger}, "", 0),
	}
	return s
}

func (s *server) close() { _ = s.listener.Close() }

// run serves until ctx ends. Then nobody new is let in, what is under way has
// serverGrace to end, and run returns when the last connection is closed.
func (s *server) run(ctx context.Context) error {
	served := make(chan error, 1) // Serve's one result, so that it never waits for run
	go func() { served <- s.http.Serve(s.listener) }()
	defer s.conns.Wait()
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("serve HTTP at %v: %w", s.listener.Addr(), err), s.http.Close())
	case <-ctx.Done():
	}
	// The context that ended is no bound for the end itself.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), serverGrace)
	defer cancel()
	err := s.http.Shutdown(bounded)
	<-served
	if errors.Is(err, context.DeadlineExceeded) {
		s.logger.V(1).Info("Connections were broken off", "at", s.listener.Addr(), "after", serverGrace)
		return s.http.Close()
	}
	return err
}

// connState counts the goroutines that serve connections: http.Server.Close
// does not wait for them. StateNew comes before Serve returns.
func (s *server) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.conns.Done()
	}
}

// connectionLog takes net/http's complaints about single connections.
type connectionLog struct{ logger klog.Logger }

func (l connectionLog) Write(line []byte) (int, error) {
	l.logger.V(1).Info("HTTP connection", "err", string(line))
	return len(line), nil
}

// listenHTTP binds the address of the config's key http.
func listenHTTP(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("http: %s is in use, perhaps by another mapper on this node: set http in config.yaml to another host:port, or to \"\" for none", address)
	}
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	return listener, nil
}

// checkListen checks an address that HTTP is served at: what is wrong with it
// and what would be right, or nothing. Port 0 is any that is free.
func checkListen(address string) string {
	const want = ": want host:port, such as 127.0.0.1:7777, or 0.0.0.0:7777 for every interface"
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil:
		return "no host:port" + want
	case host == "":
		return "no host" + want
	}
	if wrong := checkPort(port, 0); wrong != "" {
		return wrong + want
	}
	return ""
}
