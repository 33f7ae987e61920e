package zmq

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"datastub/dataplane"
)

// TestRouterBoundsConnections: what is one too many is shut, what is there
// stays, and what leaves makes room.
func TestRouterBoundsConnections(t *testing.T) {
	c := newCloud(t, "tcp://127.0.0.1:*", nil)
	c.router.gate.limit = func() int { return 10 }
	c.run()
	p := startPublisher(t, PublisherOptions{Uplink: c.router.Endpoint()})
	publish(t, p, dataplane.RT, 0, 10)
	publish(t, p, dataplane.BT, 0, 10)
	eventually(t, "20 messages", func() bool { return len(c.messages()) == 20 })

	var conns []net.Conn
	var readers sync.WaitGroup
	var shut atomic.Int64
	for range 30 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(c.router.Endpoint(), "tcp://"))
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		readers.Go(func() {
			_, _ = io.Copy(io.Discard, conn)
			shut.Add(1)
		})
	}
	// The publisher has two, and 30 more leave 22 too many.
	eventually(t, "22 connections shut", func() bool { return shut.Load() == 22 })
	publish(t, p, dataplane.RT, 10, 20)
	eventually(t, "30 messages", func() bool { return len(c.messages()) == 30 })
	for _, conn := range conns {
		_ = conn.Close()
	}
	readers.Wait()
	p.stop()
	p = startPublisher(t, PublisherOptions{Uplink: c.router.Endpoint()})
	publish(t, p, dataplane.RT, 20, 30)
	eventually(t, "messages of who comes later", func() bool { return len(c.messages()) == 40 })
}
