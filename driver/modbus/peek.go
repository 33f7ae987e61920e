package modbus

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// peek takes what has come on a connection, without waiting. The error tells
// that no more will: the peer has closed it, as many do after some time.
func peek(from conn) (came []byte, err error) {
	switch c := from.(type) {
	case *secured:
		return peekTLS(c)
	case syscall.Conn:
		buf := make([]byte, maxFrame)
		n, err := look(c, buf, syscall.Read)
		return buf[:n], err
	}
	return nil, nil // nothing to look at; the answer will tell
}

// peekTLS reads records only if bytes of one are there: the end, or tickets.
func peekTLS(conn *secured) ([]byte, error) {
	socket, ok := conn.NetConn().(syscall.Conn)
	if !ok {
		return nil, nil
	}
	n, err := look(socket, make([]byte, 1), func(fd int, buf []byte) (int, error) {
		n, _, err := syscall.Recvfrom(fd, buf, syscall.MSG_PEEK)
		return n, err
	})
	if n == 0 || err != nil {
		return nil, err
	}
	const whole = 50 * time.Millisecond // for the rest of a record that has begun to come
	if err := conn.SetReadDeadline(time.Now().Add(whole)); err != nil {
		return nil, err
	}
	buf := make([]byte, maxFrame)
	n, err = conn.Read(buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return buf[:n], errors.Join(err, conn.SetReadDeadline(time.Time{}))
}

// look makes one call of the system that reads, and returns how many bytes came.
func look(conn syscall.Conn, buf []byte, call func(fd int, buf []byte) (int, error)) (n int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	looked := raw.Read(func(fd uintptr) bool {
		n, err = call(int(fd), buf)
		switch {
		case errors.Is(err, syscall.EAGAIN): // nothing, and no end: Go's descriptors do not block
			n, err = 0, nil
		case n == 0 && err == nil:
			err = io.EOF
		}
		return true // one look is enough
	})
	n = max(n, 0)
	return n, errors.Join(looked, err)
}
