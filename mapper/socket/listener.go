package socket

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// lookEvery is how often it is looked whether the socket's file is there.
const lookEvery = time.Second

// A Listener listens at a path. Its file is there as long as it listens: where
// it is taken away, with its folder or alone, it is made again, as nobody could
// connect any more and nothing would tell. Nobody else's file is ever removed:
// whoever wants the path has to hold a lock beside it, which the kernel lets go
// of when the process dies.
type Listener struct {
	// Log is told when the file was lost. The zero one says nothing.
	Log klog.Logger

	path string

	mu     sync.Mutex
	bound  *binding
	closed bool
	failed string // why the file could not be made again the last time
}

var _ net.Listener = (*Listener)(nil)

// Listen makes the socket, and the folder that it is in. What a dead
// process left there is replaced; what is in use, or is no socket, is refused.
func Listen(path string) (*Listener, error) {
	bound, err := hold(path)
	if err != nil {
		return nil, err
	}
	return &Listener{path: path, bound: bound}, nil
}

// Accept implements net.Listener. It is called by one goroutine at a time.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		bound, err := l.current()
		if err != nil {
			return nil, err
		}
		_ = bound.SetDeadline(time.Now().Add(lookEvery)) // on a closed one Accept tells
		conn, err := bound.Accept()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return conn, err
		}
		if bound.lost() {
			l.renew()
		}
	}
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close removes the socket's file and lets go of the path.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	return l.bound.close()
}

func (l *Listener) current() (*binding, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, net.ErrClosed
	}
	return l.bound, nil
}

// renew makes a socket that was lost again, or tells why that cannot be, once
// for each reason. It holds mu over what it does on the disk, as Close must not
// come in between.
func (l *Listener) renew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	_ = l.bound.unlock() // a folder that was made anew has no lock in it
	again, err := hold(l.path)
	if err != nil {
		if reason := err.Error(); reason != l.failed {
			l.failed = reason
			l.Log.Error(err, "Socket is lost, and cannot be made again: tried once a second", "socket", l.path)
		}
		return
	}
	_ = l.bound.close()
	l.bound, l.failed = again, ""
	l.Log.Info("Socket was lost, and is made again", "socket", l.path)
}
