package hostile

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"datastub/hack/stack"
)

// TestEdgeModbusServers has Modbus servers that answer in every wrong way beside
// one that is right, and beside the neighbour: each wrong one's device is told
// of, and no value comes of it.
func TestEdgeModbusServers(t *testing.T) {
	port := stack.StartPlant(t)
	attacks := []struct {
		name, want string
		answer     func(conn net.Conn, request []byte) error
	}{
		{"garbage", "frame is 65541 bytes long: want 9 to 260", write(func([]byte) []byte { return []byte(strings.Repeat("\xff", 4096)) })},
		{"text", "frame is 12087 bytes long: want 9 to 260", write(func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") })},
		{"transaction", "answer is not to the request: transaction is ", write(func(r []byte) []byte { r[0]++; return r })},
		{"unit", "unit is 9, want 1", write(func(r []byte) []byte { r[6] = 9; return r })},
		{"half", "connection closed by the device", func(conn net.Conn, request []byte) error {
			_, _ = conn.Write(reply(request)[:8])
			return io.EOF
		}},
		{"silent", "no answer in 50ms", func(net.Conn, []byte) error { return nil }},
		{"flood", "bytes came behind the frame", func(conn net.Conn, request []byte) error {
			frames := []byte(strings.Repeat(string(reply(request)), 4096))
			for {
				if _, err := conn.Write(frames); err != nil {
					return err
				}
			}
		}},
		{"slow", "no answer in 50ms", func(conn net.Conn, request []byte) error {
			tick := time.NewTicker(40 * time.Millisecond)
			defer tick.Stop()
			for _, b := range reply(request) {
				<-tick.C
				if _, err := conn.Write([]byte{b}); err != nil {
					return err
				}
			}
			return nil
		}},
		{"exception", "exception 11", write(func(r []byte) []byte { return append(r[:5:5], 3, r[6], r[7]|0x80, 11) })},
	}
	devices := map[string]string{
		"right.yaml": stack.ModbusDevice("right", port),
		// 60 to 69 do not exist at the server.
		"beyond.yaml": strings.Replace(stack.ModbusDevice("beyond", port), "offset: 40", "offset: 65", 1),
	}
	for _, a := range attacks {
		text := stack.ModbusDevice(a.name, serve(t, a.answer))
		timeout := "30s" // so that what is told is the answer's fault
		if strings.HasPrefix(a.want, "no answer") {
			timeout = "50ms"
		}
		devices[a.name+".yaml"] = strings.Replace(text, "slaveID: 1", "slaveID: 1, timeout: "+timeout, 1)
	}
	e := startEdge(t, devices)
	e.flows("right")
	for _, a := range attacks {
		e.told("Device is not well", `device="default/`+a.name+`"`, a.want)
	}
	e.told("Device is not well", `device="default/beyond"`, "illegal data address (exception 2)")
	for range 5 {
		e.flows("right")
	}
	for name := range devices {
		device := strings.TrimSuffix(name, ".yaml")
		if n := len(e.sub.Messages(device)); n > 0 && device != "right" {
			t.Errorf("%s: %d values of a server that gives none", device, n)
		}
	}
	e.unbroken("right")
	e.unharmed()
}

// write answers with what is made of the right answer.
func write(change func(right []byte) []byte) func(net.Conn, []byte) error {
	return func(conn net.Conn, request []byte) error {
		_, err := conn.Write(change(reply(request)))
		return err
	}
}

// reply returns the right answer to a read of one register.
func reply(request []byte) []byte {
	answer := append([]byte{}, request[:8]...)
	binary.BigEndian.PutUint16(answer[4:], 5)
	return append(answer, 2, 0, 7)
}

// serve serves Modbus until the test ends, each request by answer, and returns
// the port. An error of answer ends the connection.
func serve(t *testing.T, answer func(conn net.Conn, request []byte) error) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				request := make([]byte, 12)
				for {
					if _, err := io.ReadFull(conn, request); err != nil {
						return
					}
					if err := answer(conn, request); err != nil {
						return
					}
				}
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}
