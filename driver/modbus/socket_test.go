package modbus_test

import (
	"cmp"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A socket is an end of a TCP connection in memory, for tests under synctest.
// Unlike net.Pipe's it has a buffer, which can be looked at without waiting.
type socket struct {
	in, out *flow
	wire    [2]int // a pair of real sockets, which what came goes through to be looked at
}

// socketPair makes the two ends of a connection.
func socketPair(t *testing.T) (here, there *socket) {
	a, b := newFlow(), newFlow()
	return newSocket(t, a, b), newSocket(t, b, a)
}

func newSocket(t *testing.T, in, out *flow) *socket {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &socket{in: in, out: out, wire: pair}
}

func (s *socket) Read(b []byte) (int, error)  { return s.in.read(b) }
func (s *socket) Write(b []byte) (int, error) { return s.out.write(b) }

// Close ends both directions.
func (s *socket) Close() error { return s.end(io.EOF) }

// Reset ends both directions as a TCP reset does.
func (s *socket) Reset() error { return s.end(syscall.ECONNRESET) }

// end closes the socket: its peer's reads end with cause.
func (s *socket) end(cause error) error {
	if !s.in.close() {
		return net.ErrClosed
	}
	s.out.end(cause)
	_ = syscall.Close(s.wire[0])
	return syscall.Close(s.wire[1])
}

// closed tells whether this end was closed.
func (s *socket) closed() bool {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	return s.in.closed
}

func (s *socket) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *socket) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *socket) SetDeadline(t time.Time) error    { return s.SetReadDeadline(t) }
func (s *socket) SetWriteDeadline(time.Time) error { return nil } // no Write waits

func (s *socket) SetReadDeadline(t time.Time) error {
	s.in.setDeadline(t)
	return nil
}

// SyscallConn implements syscall.Conn, of which only Read is there.
func (s *socket) SyscallConn() (syscall.RawConn, error) { return rawSocket{s}, nil }

type rawSocket struct{ s *socket }

func (r rawSocket) Control(func(uintptr)) error    { return syscall.ENOTSUP }
func (r rawSocket) Write(func(uintptr) bool) error { return syscall.ENOTSUP }

// Read gives what has come, or the end, to f by a real socket.
func (r rawSocket) Read(f func(fd uintptr) bool) error {
	came, ended := r.s.in.take()
	if len(came) > 0 {
		if _, err := syscall.Write(r.s.wire[1], came); err != nil {
			return err
		}
	} else if ended != nil {
		return ended
	}
	f(uintptr(r.s.wire[0]))
	return nil
}

// A flow is one direction of a connection.
type flow struct {
	mu       sync.Mutex
	changed  *sync.Cond
	bytes    []byte
	ended    error // by who writes; nil: it has not
	closed   bool  // by who reads
	deadline time.Time
	alarm    *time.Timer
}

func newFlow() *flow {
	f := &flow{}
	f.changed = sync.NewCond(&f.mu)
	return f
}

func (f *flow) read(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		switch {
		case f.closed:
			return 0, net.ErrClosed
		case !f.deadline.IsZero() && !time.Now().Before(f.deadline):
			return 0, os.ErrDeadlineExceeded
		case len(f.bytes) > 0:
			n := copy(b, f.bytes)
			f.bytes = f.bytes[n:]
			return n, nil
		case f.ended != nil:
			return 0, f.ended
		}
		f.changed.Wait()
	}
}

func (f *flow) write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.ended != nil {
		return 0, syscall.EPIPE
	}
	f.bytes = append(f.bytes, b...)
	f.changed.Broadcast()
	return len(b), nil
}

// take takes what came, as much as is looked at in one go.
func (f *flow) take() (came []byte, ended error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := min(len(f.bytes), 256)
	came, f.bytes = f.bytes[:n], f.bytes[n:]
	return came, f.ended
}

// end ends the flow at the side of who writes.
func (f *flow) end(cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = cmp.Or(f.ended, cause)
	f.changed.Broadcast()
}

// close ends it at the side of who reads. It is false if that was done before.
func (f *flow) close() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := !f.closed
	f.closed = true
	if f.alarm != nil {
		f.alarm.Stop()
	}
	f.changed.Broadcast()
	return first
}

func (f *flow) setDeadline(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.alarm != nil {
		f.alarm.Stop()
	}
	f.deadline = t
	if !t.IsZero() {
		f.alarm = time.AfterFunc(time.Until(t), f.wake)
	}
}

func (f *flow) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changed.Broadcast()
}
