package load

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers each connection with what it sends.
func echo(t *testing.T) (endpoint string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { _ = l.Close() })
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				_, _ = io.Copy(conn, conn) // until either end closes
				_ = conn.Close()
			})
		}
	})
	return "tcp://" + l.Addr().String()
}

func TestMeter(t *testing.T) {
	t.Parallel()
	m, err := NewMeter(t.Context(), echo(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	open, err := net.Dial("tcp", strings.TrimPrefix(m.Endpoint(), "tcp://")) // is open when the meter ends
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	const words = 1000
	for _, conn := range []net.Conn{open, mustDial(t, m)} {
		for range words {
			if _, err := fmt.Fprint(conn, "word"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := open.Read(make([]byte, 1)); err == nil {
		t.Error("a connection outlives the meter")
	}
	if up, down := m.Bytes(); up != 2*words*4 || down != up {
		t.Errorf("%d bytes up, %d down, want %d each", up, down, 2*words*4)
	}
}

func mustDial(t *testing.T, m *Meter) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(m.Endpoint(), "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestNewMeterRefuses(t *testing.T) {
	t.Parallel()
	if _, err := NewMeter(t.Context(), "ipc:///tmp/x"); err == nil || !strings.Contains(err.Error(), "want tcp://host:port") {
		t.Errorf("got %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	_ = l.Close()
	if _, err := NewMeter(t.Context(), "tcp://"+gone); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}
