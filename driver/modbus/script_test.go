package modbus_test

import (
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"datastub/driver"
)

// contains tells whether err says all of the texts.
func contains(err error, texts ...string) bool {
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			return false
		}
	}
	return true
}

// A script makes the answer to a request. The good answer is given for a read
// of holding registers, of which each has its address as its value. No answer:
// the connection is closed.
type script func(request, good []byte) []byte

// answer reads requests and answers them by the script.
func (s script) answer(conn net.Conn) {
	for {
		request := make([]byte, 260)
		n, err := conn.Read(request)
		if err != nil {
			return
		}
		var good []byte
		if request[7] == 3 {
			good = goodReply(request[:n])
		}
		reply := s(request[:n], good)
		if reply == nil {
			return
		}
		if _, err := conn.Write(reply); err != nil {
			return
		}
	}
}

// goodReply answers a read of registers.
func goodReply(request []byte) []byte {
	first, count := binary.BigEndian.Uint16(request[8:]), binary.BigEndian.Uint16(request[10:])
	reply := append([]byte{}, request[:8]...)
	binary.BigEndian.PutUint16(reply[4:], 3+2*count)
	reply = append(reply, byte(2*count))
	for i := range count {
		reply = binary.BigEndian.AppendUint16(reply, first+i)
	}
	return reply
}

// refuse answers with an exception.
func refuse(request []byte, code byte) []byte {
	return append(append([]byte{}, request[:4]...), 0, 3, request[6], request[7]|0x80, code)
}

// clock is a clock that stands still until it is told to go on.
type clock struct {
	start time.Time
	spent atomic.Int64
}

func newClock() *clock { return &clock{start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time          { return c.start.Add(time.Duration(c.spent.Load())) }
func (c *clock) advance(d time.Duration) { c.spent.Add(int64(d)) }

// peerSettings are those of a scripted peer.
func peerSettings(port int) driver.Settings {
	return driver.Settings{"ip": "127.0.0.1", "port": port, "timeout": "5s", "retries": 0}
}

// awaitReadable waits until bytes or the end have reached a connection.
func awaitReadable(t *testing.T, conn net.Conn) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
		return !errors.Is(err, syscall.EAGAIN)
	})
	if err != nil {
		t.Fatal(err)
	}
}
