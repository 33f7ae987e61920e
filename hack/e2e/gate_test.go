package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
)

// A gate stands between a mapper and cloudsvc, and can be shut: then cloudsvc
// is away for the mapper, and there for everybody else.
type gate struct {
	target   string
	listener net.Listener

	mu      sync.Mutex
	shut    bool
	passing map[net.Conn]struct{}
}

// newGate opens a gate to an address.
func newGate(t *testing.T, target string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{target: target, listener: l, passing: make(map[net.Conn]struct{})}
	var working sync.WaitGroup
	working.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			working.Go(func() { g.pass(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		g.close()
		working.Wait()
	})
	return g
}

// address is where the mapper is to connect.
func (g *gate) address() string { return g.listener.Addr().String() }

// pass carries bytes both ways until either side ends or the gate is shut.
func (g *gate) pass(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	cloud, err := net.Dial("tcp", g.target)
	if err != nil {
		return
	}
	defer func() { _ = cloud.Close() }()
	if !g.enter(conn, cloud) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(conn, cloud)
		_ = conn.Close()
	})
	_, _ = io.Copy(cloud, conn)
	_ = cloud.Close()
	back.Wait()
	g.leave(conn, cloud)
}

func (g *gate) enter(conns ...net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	for _, c := range conns {
		g.passing[c] = struct{}{}
	}
	return true
}

func (g *gate) leave(conns ...net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range conns {
		delete(g.passing, c)
	}
}

// close breaks all connections, and lets none pass.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	for c := range g.passing {
		_ = c.Close()
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = false
}
