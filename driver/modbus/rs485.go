package modbus

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// rs485 is Linux's struct serial_rs485.
type rs485 struct {
	flags       uint32
	delayBefore uint32 // ms between RTS and the first bit
	delayAfter  uint32 // ms between the last bit and RTS
	_           [5]uint32
}

const (
	rs485Enabled   = 1 << 0
	rs485RTSOnSend = 1 << 1
)

// enableRS485 has a port's driver switch the transceiver to send, by RTS, while
// there is something to be sent. What is known of the port, of its device tree,
// stays as it is.
func enableRS485(fd int) error {
	var c rs485
	if err := ioctl(fd, unix.TIOCGRS485, unsafe.Pointer(&c)); err != nil {
		return err
	}
	if c.flags&rs485Enabled != 0 {
		return nil
	}
	c.flags |= rs485Enabled | rs485RTSOnSend
	return ioctl(fd, unix.TIOCSRS485, unsafe.Pointer(&c))
}

func ioctl(fd int, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}
