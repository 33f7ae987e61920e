package modbus

import (
	"errors"
	"net"
	"syscall"
)

// stale looks, without waiting, whether a connection that was idle cannot
// take a request: the device has closed it, as many do after some time, or
// bytes lie there that would be taken for the answer. Found out only after a
// request was sent, nobody could tell whether a write had been done.
func stale(conn net.Conn) bool {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false // no socket to look at; the answer will tell
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	idle := false
	err = raw.Read(func(fd uintptr) bool {
		var buf [1]byte
		_, err := syscall.Read(int(fd), buf[:])
		idle = errors.Is(err, syscall.EAGAIN) // nothing to read, and no end
		return true                           // Go's sockets do not block: one look is enough
	})
	return err != nil || !idle
}
