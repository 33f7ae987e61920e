package mapper

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
	"k8s.io/klog/v2"

	"datastub/dataplane/rest"
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

// newServer returns the server of a listener.
func newServer(listener net.Listener, handler http.Handler, logger klog.Logger) *rest.Server {
	return rest.NewServer(netutil.LimitListener(listener, maxConnections), &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		WriteTimeout:      answerTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
	}, serverGrace, logger)
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
