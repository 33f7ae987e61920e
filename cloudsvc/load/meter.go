package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// meterBuffer is how many bytes a Meter passes on at once.
	meterBuffer = 64 << 10
	// dialTime bounds how long a Meter's target may take to answer.
	dialTime = 5 * time.Second
)

// A Meter stands between the two ends of TCP connections, passes everything
// on, and counts the bytes: what a link carries, but for TCP's own headers.
type Meter struct {
	target   string
	listener net.Listener
	up, down atomic.Int64
}

// NewMeter listens at a free port of this machine for connections to a
// ZeroMQ endpoint, tcp://host:port, once it has seen that somebody listens
// there. Run gives back what NewMeter took.
func NewMeter(ctx context.Context, endpoint string) (*Meter, error) {
	target, tcp := strings.CutPrefix(endpoint, "tcp://")
	if !tcp {
		return nil, fmt.Errorf("endpoint %q: want tcp://host:port, such as tcp://127.0.0.1:5557", endpoint)
	}
	m := &Meter{target: target}
	conn, err := m.dial(ctx)
	if err != nil {
		return nil, err
	}
	_ = conn.Close()
	m.listener, err = net.Listen("tcp", "127.0.0.1:0")
	return m, err
}

// Endpoint returns where to dial instead of the target.
func (m *Meter) Endpoint() string { return "tcp://" + m.listener.Addr().String() }

// Bytes returns how many bytes went to the target so far, and came from it.
func (m *Meter) Bytes() (up, down int64) { return m.up.Load(), m.down.Load() }

// Run passes on until ctx ends; then it closes all connections. Run is called
// once.
func (m *Meter) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = m.listener.Close() })()
	var connections sync.WaitGroup
	defer connections.Wait()
	for {
		near, err := m.listener.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("accept at %s: %w", m.Endpoint(), err)
		}
		connections.Go(func() { m.join(ctx, near) })
	}
}

// join passes on between a connection and one to the target until either
// ends. A target that is not there is an end.
func (m *Meter) join(ctx context.Context, near net.Conn) {
	defer near.Close()
	far, err := m.dial(ctx)
	if err != nil {
		return
	}
	defer far.Close()
	closeBoth := func() { _ = errors.Join(near.Close(), far.Close()) }
	defer context.AfterFunc(ctx, closeBoth)()
	var both sync.WaitGroup
	both.Go(func() { pass(far, near, &m.up); closeBoth() })
	both.Go(func() { pass(near, far, &m.down); closeBoth() })
	both.Wait()
}

func (m *Meter) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTime}
	return dialer.DialContext(ctx, "tcp", m.target)
}

// pass copies until either end is closed.
func pass(to, from net.Conn, count *atomic.Int64) {
	buffer := make([]byte, meterBuffer)
	for {
		n, err := from.Read(buffer)
		count.Add(int64(n))
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}
