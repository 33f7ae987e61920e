package modbus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// serialConfig is how a serial line is driven.
type serialConfig struct {
	baudRate int
	parity   parity
	stopBits int
	rs485    bool // the port's driver switches the transceiver
}

// String is the usual "19200 8E1".
func (c serialConfig) String() string {
	text := fmt.Sprintf("%d 8%c%d", c.baudRate, parities[c.parity].letter, c.stopBits)
	if c.rs485 {
		text += " RS-485"
	}
	return text
}

// parity is what is sent after a character's bits.
type parity byte

const (
	even parity = iota
	odd
	none
)

var parities = [...]struct {
	word   string
	letter rune
	flags  uint32 // of termios
}{
	even: {"even", 'E', unix.PARENB},
	odd:  {"odd", 'O', unix.PARENB | unix.PARODD},
	none: {"none", 'N', 0},
}

// A serialPort is waited for by Go's poller, so that deadlines hold and Close
// ends a read: the libraries for serial ports have neither.
type serialPort struct{ *os.File }

// openSerial opens a serial port for nobody else.
func openSerial(path string, c serialConfig) (conn, error) {
	file, err := os.OpenFile(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, explainOpen(err)
	}
	port := &serialPort{file}
	if err := port.control(c.set); err != nil {
		_ = port.Close()
		return nil, err
	}
	return port, nil
}

// Close lets others open the port. A terminal that something else still holds
// would stay exclusive, and the system would wait for what an adapter does not
// take: 30 s by default.
func (p *serialPort) Close() error {
	return errors.Join(p.control(release), p.File.Close())
}

func release(fd int) error {
	_ = unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) // both fail if the port is gone
	_ = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCOFLUSH)
	return nil
}

// control calls a function with the port's descriptor.
func (p *serialPort) control(call func(fd int) error) error {
	raw, err := p.SyscallConn()
	if err != nil {
		return err
	}
	outer := raw.Control(func(fd uintptr) { err = call(int(fd)) })
	return errors.Join(outer, err)
}

// explainOpen says what an error of opening a serial port is about.
func explainOpen(err error) error {
	cause := err
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		cause = p.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: the adapter is not plugged in, or has another name; see /dev/serial/by-id", cause)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: the mapper must be in the port's group, usually dialout, or its container privileged", cause)
	case errors.Is(err, syscall.EBUSY):
		return errTaken
	}
	return cause
}

var errTaken = errors.New("another program has the serial port open, or a device by another name of it")

// set makes a port ours, and as its settings say.
func (c serialConfig) set(fd int) error {
	if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
		return fmt.Errorf("no serial port: %w", err)
	}
	// The lock is for programs that look for one, and for root, whom TIOCEXCL
	// does not stop.
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errTaken
	}
	if err := unix.IoctlSetInt(fd, unix.TIOCEXCL, 0); err != nil {
		return fmt.Errorf("make the serial port exclusive: %w", err)
	}
	if err := unix.IoctlSetTermios(fd, unix.TCSETS2, c.termios()); err != nil {
		return fmt.Errorf("set the serial port to %v: %w", c, err)
	}
	if c.rs485 {
		if err := enableRS485(fd); err != nil {
			return fmt.Errorf("rs485Enabled: the port's driver cannot do it: %w", err)
		}
	}
	return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH)
}

// termios are the settings of a line of bytes, without flow control or meaning.
// Lines of a modem are ignored, and not dropped at the end: some adapters reset
// what is behind them.
func (c serialConfig) termios() *unix.Termios {
	t := &unix.Termios{
		Cflag:  unix.CS8 | unix.CREAD | unix.CLOCAL | unix.BOTHER | parities[c.parity].flags,
		Ispeed: uint32(c.baudRate),
		Ospeed: uint32(c.baudRate),
	}
	if c.parity != none {
		t.Iflag |= unix.INPCK // a character that is damaged becomes 0: the CRC tells
	}
	if c.stopBits == 2 {
		t.Cflag |= unix.CSTOPB
	}
	t.Cc[unix.VMIN] = 1 // else nothing to read looks like the end
	return t
}
