package rest

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// A Server serves HTTP on a listener, and leaves nothing running.
type Server struct {
	listener net.Listener
	http     *http.Server
	grace    time.Duration
	logger   klog.Logger
	conns    sync.WaitGroup // goroutines that serve a connection
}

// NewServer returns the server of a listener, which Run closes, or Close where
// Run is not called. Handler and limits are those of settings, which are the
// Server's from now on; what is under way when it stops has the grace to end.
func NewServer(listener net.Listener, settings *http.Server, grace time.Duration, logger klog.Logger) *Server {
	s := &Server{listener: listener, http: settings, grace: grace, logger: logger}
	s.http.ErrorLog = log.New(connectionLog{logger}, "", 0)
	observe := s.http.ConnState
	s.http.ConnState = func(conn net.Conn, state http.ConnState) {
		s.count(state)
		if observe != nil {
			observe(conn, state)
		}
	}
	return s
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close closes the listener, where Run is not called.
func (s *Server) Close() { _ = s.listener.Close() }

// Run serves until ctx ends. Then nobody new is let in, what is under way has
// the grace to end, and Run returns when the last connection is closed. Run is
// called once.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1) // Serve's one result, so that it never waits for Run
	go func() { served <- s.http.Serve(s.listener) }()
	defer s.conns.Wait()
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("serve HTTP at %v: %w", s.Addr(), err), s.http.Close())
	case <-ctx.Done():
	}
	// The context that ended is no bound for the end itself.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.grace)
	defer cancel()
	err := s.http.Shutdown(bounded)
	<-served
	if errors.Is(err, context.DeadlineExceeded) {
		s.logger.Info("Requests were broken off at the end", "at", s.Addr(), "after", s.grace)
		return s.http.Close()
	}
	return err
}

// count counts the goroutines that serve connections: http.Server.Close does
// not wait for them. StateNew comes before Serve returns.
func (s *Server) count(state http.ConnState) {
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
