package modbus_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"datastub/driver"
	"datastub/driver/modbus"
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
	return driver.Settings{"ip": "127.0.0.1", "port": port, "timeout": "5s"}
}

// TestFaultyAnswers gives every answer that is not one to the request: none
// may become a value, and the next request goes out on another connection.
func TestFaultyAnswers(t *testing.T) {
	t.Parallel()
	set := func(at int, to byte) script {
		return func(_, good []byte) []byte { good[at] = to; return good }
	}
	for _, tt := range []struct {
		name  string
		fault script
		want  string
	}{
		{"transaction", func(_, good []byte) []byte { good[1]++; return good }, "transaction is 2, want 1"},
		{"protocol", set(3, 1), "protocol is 1, want 0"},
		{"unit", set(6, 9), "unit is 9, want 1"},
		{"function", set(7, 4), "function is 4, want 3"},
		{"exception of another function", func(r, _ []byte) []byte { r[7] = 4; return refuse(r, 2) }, "function is 132, want 3"},
		{"exception 0", func(r, _ []byte) []byte { return refuse(r, 0) }, "not 0"},
		{"long exception", func(r, _ []byte) []byte { b := append(refuse(r, 2), 0); b[5]++; return b }, "one byte"},
		{"byte count too small", set(8, 2), "byte count is 2, want 4"},
		{"byte count too large", set(8, 6), "byte count is 6, want 4"},
		{"one register too few", func(r, _ []byte) []byte { r[11]--; return goodReply(r) }, "byte count is 2, want 4"},
		{"one register too many", func(r, _ []byte) []byte { r[11]++; return goodReply(r) }, "byte count is 6, want 4"},
		{"length too small", set(5, 6), "bytes came behind the frame"},
		{"length of nothing", set(5, 2), "frame is 8 bytes long"},
		{"length too large", set(4, 1), "frame is 269 bytes long"},
		{"a byte too many", func(_, good []byte) []byte { return append(good, 0) }, "1 bytes came behind the frame"},
		{"two frames", func(_, good []byte) []byte { return append(good, good...) }, "bytes came behind the frame"},
		{"count shorter than its data", func(_, good []byte) []byte {
			good[5] += 2
			return append(good, 0, 0)
		}, "6 bytes follow the byte count of 4"},
		{"no answer but the end", func(_, _ []byte) []byte { return nil }, "connection closed by the device"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var connections atomic.Int32
			port := listen(t, func(conn net.Conn) {
				answer := tt.fault
				if connections.Add(1) > 1 {
					answer = func(_, good []byte) []byte { return good }
				}
				answer.answer(conn)
			})
			c := newClock()
			device := open(t, modbus.New(modbus.Options{Now: c.now}), peerSettings(port))
			p := point(t, device, driver.Int, holding("offset", 7, "limit", 2))

			readings, err := device.Read(t.Context(), []driver.Point{p})
			if !errors.Is(err, driver.ErrUnreachable) || readings != nil || !contains(err, tt.want, "read holding registers 7-8") {
				t.Fatalf("got %v, %v, want ErrUnreachable and %q", readings, err, tt.want)
			}
			c.advance(time.Minute)
			if r := read(t, device, p); r.Value != int64(7<<16+8) {
				t.Errorf("after a good answer: got %v, %v", r.Value, r.Err)
			}
		})
	}
}

// TestWriteAnswers answers writes: only an echo confirms one.
func TestWriteAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		reply func(request []byte) []byte
		want  error // nil: confirmed
	}{
		{"echo", func(r []byte) []byte { return r }, nil},
		{"other address", func(r []byte) []byte { r[9]++; return r }, driver.ErrUnreachable},
		{"other value", func(r []byte) []byte { r[11]++; return r }, driver.ErrUnreachable},
		{"short", func(r []byte) []byte { r[5]--; return r[:11] }, driver.ErrUnreachable},
		{"closed", func([]byte) []byte { return nil }, driver.ErrUnreachable},
		{"gateway", func(r []byte) []byte { return refuse(r, 11) }, driver.ErrUnreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			port := listen(t, script(func(request, _ []byte) []byte { return tt.reply(request) }).answer)
			device := open(t, modbus.New(modbus.Options{}), peerSettings(port))
			err := device.Write(t.Context(), point(t, device, driver.Int, holding("offset", 7)), int64(5))
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestBrokenAnswers ends the connection in the middle of an answer.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	for _, reset := range []bool{false, true} {
		for size := range 13 { // a good answer's
			port := listen(t, func(conn net.Conn) {
				request := make([]byte, 260)
				n, err := conn.Read(request)
				if err != nil {
					return
				}
				if _, err := conn.Write(goodReply(request[:n])[:size]); err != nil {
					t.Error(err)
				}
				if reset {
					_ = conn.(*net.TCPConn).SetLinger(0)
				}
			})
			device := open(t, modbus.New(modbus.Options{}), peerSettings(port))
			p := point(t, device, driver.Int, holding("offset", 7, "limit", 2))
			readings, err := device.Read(t.Context(), []driver.Point{p})
			if !errors.Is(err, driver.ErrUnreachable) || readings != nil {
				t.Errorf("%d bytes of an answer, reset %t: got %v, %v, want ErrUnreachable", size, reset, readings, err)
			}
		}
	}
}

// TestSlowAnswer sends an answer byte by byte: it is one all the same.
func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	port := listen(t, func(conn net.Conn) {
		request := make([]byte, 260)
		n, err := conn.Read(request)
		if err != nil {
			return
		}
		for _, b := range goodReply(request[:n]) {
			if _, err := conn.Write([]byte{b}); err != nil {
				t.Error(err)
			}
		}
	})
	device := open(t, modbus.New(modbus.Options{}), peerSettings(port))
	if r := read(t, device, point(t, device, driver.Int, holding("offset", 7))); r.Value != int64(7) {
		t.Errorf("got %v, %v, want 7", r.Value, r.Err)
	}
}

// TestLateAnswer lets the answer to the first request come before that to the
// second. It must not be taken for the second's, and the connection goes on.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	port := listen(t, func(conn net.Conn) {
		connections.Add(1)
		var late []byte
		script(func(_, good []byte) []byte {
			if late == nil {
				late = good
				return []byte{}
			}
			return append(late, good...)
		}).answer(conn)
	})
	c := newClock()
	device := open(t, modbus.New(modbus.Options{Now: c.now}), peerSettings(port))
	p := point(t, device, driver.Int, holding("offset", 7))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := device.Read(ctx, []driver.Point{p})
	if !errors.Is(err, driver.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want ErrUnreachable and context.DeadlineExceeded", err)
	}
	c.advance(time.Minute)
	other := point(t, device, driver.Int, holding("offset", 8)) // of the same length
	if r := read(t, device, other); r.Value != int64(8) || connections.Load() != 1 {
		t.Errorf("got %v, %v on connection %d, want 8 on the first", r.Value, r.Err, connections.Load())
	}
}

// TestTimeout reads a device that never answers.
func TestTimeout(t *testing.T) {
	t.Parallel()
	port, _ := silent(t)
	settings := peerSettings(port)
	settings["timeout"] = "20ms"
	device := open(t, modbus.New(modbus.Options{}), settings)
	_, err := device.Read(t.Context(), []driver.Point{point(t, device, driver.Int, holding("offset", 7))})
	if !errors.Is(err, driver.ErrUnreachable) || !contains(err, "no answer in 20ms") {
		t.Errorf("got %v, want ErrUnreachable and no answer in 20ms", err)
	}
}

// TestIdleConnection has the peer close, or talk on, a connection between two
// reads: the second read has a new one and no error.
func TestIdleConnection(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		after func(net.Conn) error
	}{
		{"closed", func(conn net.Conn) error { return conn.(*net.TCPConn).CloseWrite() }},
		{"stray bytes", func(conn net.Conn) error { _, err := conn.Write(make([]byte, 13)); return err }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var connections atomic.Int32
			answered := make(chan struct{})
			port := listen(t, func(conn net.Conn) {
				if connections.Add(1) == 1 {
					conn = talker{conn, answered, tt.after}
				}
				script(func(_, good []byte) []byte { return good }).answer(conn)
			})
			var dialled net.Conn
			dial := func(ctx context.Context, network, address string) (conn net.Conn, err error) {
				dialled, err = new(net.Dialer).DialContext(ctx, network, address)
				return dialled, err
			}
			device := open(t, modbus.New(modbus.Options{Dial: dial}), peerSettings(port))
			p := point(t, device, driver.Int, holding("offset", 7))
			read(t, device, p)
			close(answered)
			awaitReadable(t, dialled)
			if r := read(t, device, p); r.Value != int64(7) {
				t.Errorf("got %v, %v, want 7", r.Value, r.Err)
			}
			if n := connections.Load(); n != 2 {
				t.Errorf("%d connections, want 2", n)
			}
		})
	}
}

// talker does something after each Write, once what was written is answered.
type talker struct {
	net.Conn
	answered <-chan struct{}
	after    func(net.Conn) error
}

func (c talker) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil {
		return n, err
	}
	<-c.answered
	return n, c.after(c.Conn)
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
