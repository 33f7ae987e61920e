package modbus_test

import (
	"crypto/tls"
	"net"
	"sync"
	"testing"

	"datastub/hack/authority"
)

// listen serves each connection by a function of its own until the test ends,
// and returns the port.
func listen(t *testing.T, serve func(net.Conn)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []net.Conn
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			all.Go(func() {
				serve(conn)
				_ = conn.Close() // closed before, if the test is over
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return l.Addr().(*net.TCPAddr).Port
}

// silent returns a port that takes requests and answers none, and a channel
// that gets a value for each. With an authority, it does shake hands of TLS.
func silent(t *testing.T, secure *authority.Authority) (port int, requests <-chan struct{}) {
	t.Helper()
	taken := make(chan struct{}, 16) // more than any test sends
	port = listen(t, func(conn net.Conn) {
		if secure != nil {
			conn = tls.Server(conn, secure.Server(t))
		}
		buf := make([]byte, 260)
		for {
			if _, err := conn.Read(buf); err != nil {
				return
			}
			taken <- struct{}{}
		}
	})
	return port, taken
}
