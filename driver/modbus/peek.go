package modbus

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// peek takes what has come on a connection, without waiting. The error tells
// that no more will: the peer has closed it, as many do after some time.
func peek(conn net.Conn) (came []byte, err error) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return nil, nil // no socket to look at; the answer will tell
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	looked := raw.Read(func(fd uintptr) bool {
		buf := make([]byte, maxFrame)
		var n int
		n, err = syscall.Read(int(fd), buf)
		switch {
		case errors.Is(err, syscall.EAGAIN): // nothing, and no end: Go's sockets do not block
			err = nil
		case n > 0:
			came = buf[:n]
		case err == nil:
			err = io.EOF
		}
		return true // one look is enough
	})
	if looked != nil {
		return nil, looked
	}
	return came, err
}
